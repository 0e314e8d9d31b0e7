import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Control, startControl } from './control.ts';
import type { ManagedProcess } from './managed-process.ts';

const ORIGIN = 'http://127.0.0.1:8080';
const killed: string[] = [];
let control: Control;

beforeAll(async () => {
  const spec = { name: 'ack-1' } as ManagedProcess;
  const supervisor = {
    processes: [{ spec, pid: 7, running: true }],
    kill: (name: string) => name === 'ack-1' && killed.push(name) > 0,
  };
  control = await startControl(supervisor, 0, [ORIGIN]);
});

beforeEach(() => killed.splice(0));
afterAll(() => control.close());

const ask = (method: string, path: string, headers: Record<string, string> = {}) =>
  fetch(control.url + path, { method, headers });
const bearer = () => ({ authorization: `Bearer ${control.token}` });

test('it tells what runs, and kills what it is asked to', async () => {
  const answer = await ask('GET', '/processes', bearer());
  expect(await answer.json()).toEqual({ processes: [{ name: 'ack-1', pid: 7, running: true }] });
  expect((await ask('POST', '/kill/ack-1', bearer())).status).toBe(202);
  expect((await ask('POST', '/kill/supervisor', bearer())).status).toBe(404);
  expect((await ask('GET', '/kill/ack-1', bearer())).status).toBe(404);
  expect(killed).toEqual(['ack-1']);
});

test.each([{}, { authorization: 'Bearer wrong' }])(
  'without its token (%j) it does nothing',
  async (headers) => {
    expect((await ask('POST', '/kill/ack-1', headers)).status).toBe(401);
    expect((await ask('GET', '/processes', headers)).status).toBe(401);
    expect(killed).toEqual([]);
  },
);

test('only pages of its gateways may ask', async () => {
  const allowed = async (origin: string) =>
    (await ask('OPTIONS', '/kill/ack-1', { origin })).headers.get('access-control-allow-origin');
  expect(await allowed(ORIGIN)).toBe(ORIGIN);
  expect(await allowed('https://evil.example')).toBeNull();
});
