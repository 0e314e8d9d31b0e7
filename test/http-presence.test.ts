import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { http } from './harness/http.ts';
import { connectAs } from './harness/raw-client.ts';
import { serviceToken } from './harness/service-token.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { connectDevice } from './harness/synced.ts';
import { until } from './harness/wait.ts';

/** PROTOCOL, the same over HTTP: POST /v1/presence. */

let stack: Stack;
let one: ServiceHandle;
let two: ServiceHandle;

beforeAll(async () => {
  stack = await startStack();
  [one, two] = stack.gateways as [ServiceHandle, ServiceHandle];
});

afterAll(() => stack.stop());

const ask = (token: string, body: unknown) => http(one, 'POST', '/presence', { token, body });

test('where each user is connected, on any gateway', async () => {
  const token = await serviceToken(stack, ['presence']);
  const before = Date.now();
  await using desk = await connectAs(stack, one, 'bob', { device: 'desk' });
  await using phone = await connectDevice(stack, two, 'bob', 'phone');
  const carol = await connectAs(stack, two, 'carol');
  const users = ['bob', 'carol', 'nobody', 'bob', '__proto__'];
  const { status, json } = await ask(token, { users });
  expect(status).toBe(200);
  const since = expect.any(Number) as number;
  const away = { online: false, devices: [] };
  expect(Object.entries((json as { users: object }).users)).toEqual([
    [
      'bob',
      {
        online: true,
        devices: [
          { device: 'desk', since, sync: false },
          { device: 'phone', since, sync: true },
        ],
      },
    ],
    ['carol', { online: true, devices: [{ device: 'default', since, sync: false }] }],
    ['nobody', away],
    ['__proto__', away],
  ]);
  const [first] = (json as { users: { bob: { devices: { since: number }[] } } }).users.bob.devices;
  expect(first?.since).toBeGreaterThanOrEqual(before);
  await carol.close();
  const gone = async () =>
    ((await ask(token, { users: ['carol'] })).json as { users: Record<string, unknown> }).users['carol'];
  await until(async () => JSON.stringify(await gone()) === JSON.stringify(away), {
    what: 'carol to be away',
  });
  for (const client of [desk, phone]) expect(client.bye).toBeUndefined();
});

test.each([[[]], [Array.from({ length: 101 }, (_, n) => `u${n}`)], [['a b']], ['bob'], [undefined]])(
  'users %j: 400',
  async (users) => {
    const { status, json } = await ask(await serviceToken(stack, ['presence']), { users });
    expect([status, json]).toMatchObject([400, { code: 'bad_packet', message: /^users: / }]);
  },
);

test('only for a service with the scope, and about the users that it acts as', async () => {
  const refusal = async (token: string) => {
    const { status, json } = await ask(token, { users: ['bob', 'carol'] });
    return [status, json];
  };
  const saying = (text: string) => [
    403,
    { code: 'forbidden', message: expect.stringContaining(text) as string },
  ];
  expect(await refusal(await stack.token('bob'))).toEqual(saying('presence'));
  expect(await refusal(await serviceToken(stack, ['send', 'mailbox', 'admin']))).toEqual(saying('presence'));
  expect(await refusal(await serviceToken(stack, ['presence'], ['bob']))).toEqual(saying('carol'));
});
