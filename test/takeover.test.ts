import { afterAll, beforeAll, expect, test } from 'vitest';
import { emptyMailbox } from './harness/mailbox.ts';
import { connectAs, connectRaw, isHint } from './harness/raw-client.ts';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';

/** The same user and device logs in again: the older session goes, and takes nothing with it (PROTOCOL: replaced). */

let stack: Stack;
let one: ServiceHandle;
let two: ServiceHandle;

beforeAll(async () => {
  stack = await startStack({ env: { QUEUE_SETTLE_MS: '0' } });
  [one, two] = stack.gateways as [ServiceHandle, ServiceHandle];
});

afterAll(() => stack.stop());

const presence = (user: string) =>
  stack.sql('SELECT session, device FROM sessions WHERE user_id = $1 ORDER BY device', [user]);

test.each([
  ['on another gateway', 'ann', () => two],
  ['on the same gateway', 'bea', () => one],
])(
  '%s: the older session is told and closed, and what it held reaches the newer one',
  async (_, user, second) => {
    await using alice = await connectAs(stack, one, `friend-of-${user}`);
    await using older = await connectAs(stack, one, user, { device: 'phone' });
    const sent = Array.from({ length: 5 }, (_, n) => `m${n}`);
    for (const id of sent) alice.msg(user, id);
    await older.next('msg:N', { id: 'm4' });

    await using newer = await connectRaw(second().url, { token: await stack.token(user), device: 'phone' });
    const { session } = await newer.login();
    expect((await older.closed).code).toBe(4409);
    expect(older.all('bye')).toEqual([{ type: 'bye', reason: 'replaced' }]);
    expect(older.packets.at(-1)?.packet.type).toBe('bye');
    expect(await presence(user)).toEqual([{ session, device: 'phone' }]);

    await until(() => alice.all('ack:N', { state: 'stored' }).length === sent.length, {
      what: 'all to be stored',
    });
    await newer.next('offline:N', isHint);
    const { messages } = await emptyMailbox(newer);
    expect(messages.map(({ id }) => id)).toEqual(sent);
    await alice.next('offline:N', isHint);
    const told = new Set<string>();
    await until(
      async () => {
        for (const { id, state } of (await emptyMailbox(alice)).receipts)
          if (state === 'delivered') told.add(id);
        return told.size === sent.length;
      },
      { what: 'delivered for all' },
    );

    alice.msg(user, 'afterwards');
    await newer.next('msg:N', { id: 'afterwards' });
    expect(newer.all('msg:N')).toHaveLength(1);
  },
);

test('another device of the same user is nobody to replace', async () => {
  await using phone = await connectAs(stack, one, 'cat', { device: 'phone' });
  await using tablet = await connectAs(stack, two, 'cat', { device: 'tablet' });
  await using alice = await connectAs(stack, one, 'friend-of-cat');
  expect((await presence('cat')).map(({ device }) => device)).toEqual(['phone', 'tablet']);
  alice.msg('cat', 'both');
  await Promise.all([phone.next('msg:N', { id: 'both' }), tablet.next('msg:N', { id: 'both' })]);
  expect([phone.bye, tablet.bye]).toEqual([undefined, undefined]);
});

test('many logins at the same moment: one session is left, and presence names that one', async () => {
  const token = await stack.token('dee');
  const attempts = await Promise.all(
    Array.from({ length: 12 }, async (_, n) => connectRaw((n % 2 ? one : two).url, { token })),
  );
  const logins = await Promise.allSettled(attempts.map((client) => client.login()));
  const open = () => attempts.filter(({ ws }) => ws.readyState === ws.OPEN);
  await until(() => open().length === 1, { what: 'one session to be left' });
  const left = open()[0];
  expect(await presence('dee')).toEqual([{ session: left?.all('login:A')[0]?.session, device: 'default' }]);
  expect(logins.some(({ status }) => status === 'fulfilled')).toBe(true);
  const others = await Promise.all(attempts.filter((client) => client !== left).map(({ closed }) => closed));
  expect(new Set(others.map(({ code }) => code))).toEqual(new Set([4409]));

  await using alice = await connectAs(stack, two, 'friend-of-dee');
  alice.msg('dee', 'hello');
  await left?.next('msg:N', { id: 'hello' });
  await left?.close();
});
