import { afterAll, beforeAll, expect, test } from 'vitest';
import { emptyMailbox } from './harness/mailbox.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { connectDevice, registerAway } from './harness/synced.ts';
import { until } from './harness/wait.ts';

/** PROTOCOL, sync: a device and its mailbox are durable, unlike presence. */

const QUOTA = 4;

let stack: Stack;

beforeAll(async () => {
  stack = await startStack({ ownInfrastructure: true, env: { MAILBOX_QUOTA: String(QUOTA) } });
});

afterAll(() => stack.stop());

/** Everything that is known of synced devices and waits for them. */
const rows = async () =>
  Object.fromEntries(
    await Promise.all(
      ['devices', 'device_messages', 'device_copies', 'device_receipts', 'device_missed'].map(
        async (table) =>
          [table, await stack.sql(`SELECT t::text AS row FROM ${table} t ORDER BY 1`)] as const,
      ),
    ),
  );

test('a synced device outlives a crash of the database: its copies, its receipts, and what it missed', async () => {
  await registerAway(stack, 'bob', 'tablet');
  await registerAway(stack, 'alice', 'pad');
  await using desk = await connectDevice(stack, stack.gateways[0], 'alice', 'desk');
  await using phone = await connectDevice(stack, stack.gateways[1], 'bob', 'phone', true);
  const ids = Array.from({ length: QUOTA + 2 }, (_, n) => `m${n}`);
  for (const id of ids) {
    desk.msg('bob', id);
    await desk.next('ack:N', { id, state: 'delivered' });
  }
  const told = () => stack.sql("SELECT FROM device_receipts WHERE device = 'pad' AND state = 'delivered'");
  await until(async () => (await told()).length === ids.length, { what: 'the receipts of the other device' });
  // Durable before its login:A: not even a moment later.
  const watch = await connectDevice(stack, stack.gateways[0], 'carol', 'watch');
  const before = await rows();
  await stack.postgres.kill('SIGKILL');
  await watch.terminate();
  await stack.postgres.restart();

  expect(await rows()).toEqual(before);
  expect(Object.entries(before).map(([table, { length }]) => [table, length > 0])).toEqual(
    Object.keys(before).map((table) => [table, true]),
  );
  // What a crash empties.
  const present = () => stack.sql("SELECT FROM sessions WHERE user_id IN ('alice', 'bob')");
  await until(async () => (await present()).length === 2, {
    what: 'presence to be announced again',
    timeoutMs: 60_000,
  });
  const kept = ids.slice(0, QUOTA);
  await using tablet = await connectDevice(stack, stack.gateways[0], 'bob', 'tablet');
  const mail = await emptyMailbox(tablet);
  expect([mail.messages.map(({ id }) => id), mail.missed]).toEqual([kept, ids.length - QUOTA]);
  await using pad = await connectDevice(stack, stack.gateways[1], 'alice', 'pad');
  const own = await emptyMailbox(pad);
  expect(own.messages.map(({ id, from }) => [id, from])).toEqual(kept.map((id) => [id, 'alice']));
  expect(own.receipts.map(({ id, state }) => [id, state])).toEqual(ids.map((id) => [id, 'delivered']));
  expect(own.missed).toBe(ids.length - QUOTA);

  desk.msg(['bob', 'carol'], 'after');
  for (const device of [phone, tablet, pad]) await device.next('msg:N', { id: 'after' });
  await desk.next('ack:N', { id: 'after', to: 'bob', state: 'delivered' });
  await desk.next('ack:N', { id: 'after', to: 'carol', state: 'stored' });
  expect(await stack.sql("SELECT device FROM device_copies WHERE recipient = 'carol'")).toEqual([
    { device: 'watch' },
  ]);
});
