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

test('it takes spans of the services, and tells the steps of a message, and when the one before ended', async () => {
  const attribute = (key: string, stringValue: string) => ({ key, value: { stringValue } });
  const span = (spanId: string, parentSpanId: string | undefined, id: string, from: number, to: number) => ({
    ...{ spanId, parentSpanId, name: `step ${spanId}` },
    ...{ startTimeUnixNano: `${from}500000`, endTimeUnixNano: `${to}000000` },
    attributes: [
      attribute('sixfold.from', 'alice'),
      attribute('sixfold.id', id),
      attribute('sixfold.outcome', 'live'),
    ],
  });
  const resource = {
    attributes: [attribute('service.name', 'sixfold-routing'), attribute('service.instance.id', 'r1')],
  };
  const spans = [
    span('b', 'a', 'm/1', 30, 40),
    span('a', undefined, 'm/1', 10, 20),
    span('c', undefined, 'm2', 1, 2),
  ];
  const post = (body: string) =>
    fetch(`${control.url}/v1/traces`, { method: 'POST', headers: bearer(), body });
  const sent = await post(JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans }] }] }));
  expect(sent.status).toBe(200);
  for (const body of ['{', '{}']) expect((await post(body)).status).toBe(400);
  expect((await post('x'.repeat(4_000_001))).status).toBe(413);
  const common = { service: 'routing', instance: 'r1', outcome: 'live' };
  expect(await (await ask('GET', '/steps?from=alice&id=m%2F1', bearer())).json()).toEqual({
    steps: [
      { ...common, step: 'step a', startedAt: 10.5, endedAt: 20 },
      { ...common, step: 'step b', startedAt: 30.5, endedAt: 40, previousEndedAt: 20 },
    ],
  });
});

test.each([{}, { authorization: 'Bearer wrong' }])(
  'without its token (%j) it does nothing',
  async (headers) => {
    expect((await ask('POST', '/kill/ack-1', headers)).status).toBe(401);
    for (const path of ['/processes', '/steps?from=alice&id=m1'])
      expect((await ask('GET', path, headers)).status).toBe(401);
    expect((await ask('POST', '/v1/traces', headers)).status).toBe(401);
    expect(killed).toEqual([]);
  },
);

test('only pages of its gateways may ask', async () => {
  const allowed = async (origin: string) =>
    (await ask('OPTIONS', '/kill/ack-1', { origin })).headers.get('access-control-allow-origin');
  expect(await allowed(ORIGIN)).toBe(ORIGIN);
  expect(await allowed('https://evil.example')).toBeNull();
});
