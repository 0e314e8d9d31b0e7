import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { emptyMailbox } from './harness/mailbox.ts';
import { connectAs, type RawClient } from './harness/raw-client.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { connectDevice, copiesOf, registerAway } from './harness/synced.ts';
import { until } from './harness/wait.ts';

/** Quotas count for the mailbox of each synced device by itself, and metrics say which one was met. */

const OF_ONE_SENDER = 2;
const QUOTA = 5;

let stack: Stack;
let one: ServiceHandle;

beforeAll(async () => {
  const env = { MAILBOX_QUOTA: String(QUOTA), MAILBOX_QUOTA_PER_SENDER: String(OF_ONE_SENDER) };
  stack = await startStack({ gateways: 1, env });
  [one] = stack.gateways as [ServiceHandle];
});

afterAll(() => stack.stop());

const idsOf = (entries: { id: string }[]) => entries.map(({ id }) => id);

type Counts = Record<'mailbox' | 'sender' | 'device' | 'device_sender' | 'missed', number>;

async function counts(): Promise<Counts> {
  const [routing] = stack.routing as [ServiceHandle];
  const metrics = await stack.metrics(routing);
  const by = (quota: string) => metrics.value('sixfold_mailbox_full_total', { quota });
  return {
    mailbox: by('mailbox'),
    sender: by('sender'),
    device: by('device'),
    device_sender: by('device_sender'),
    missed: metrics.value('sixfold_missed_total', { reason: 'mailbox_full' }),
  };
}

/** Waits until the counters have grown by exactly this; they are counted when the receipts are on their way. */
async function untilCounted(before: Counts, grown: Partial<Counts>): Promise<void> {
  const expected = Object.fromEntries(
    Object.entries(before).map(([name, value]) => [name, value + (grown[name as keyof Counts] ?? 0)]),
  );
  await until(
    async () => Object.entries(await counts()).every(([name, value]) => value >= (expected[name] ?? 0)),
    {
      what: `the counters to be ${JSON.stringify(expected)}`,
    },
  );
  expect(await counts()).toEqual(expected);
}

/** Sends messages one after another. @returns what its sender learns of each first */
async function send(sender: RawClient, to: string, ...ids: string[]): Promise<string[]> {
  const states: string[] = [];
  for (const id of ids) {
    sender.msg(to, id);
    const { state, reason } = await sender.next('ack:N', { id });
    states.push(reason ?? state);
  }
  return states;
}

test('one sender cannot fill the mailboxes of the devices; others still get through', async () => {
  await using mallory = await connectAs(stack, one, 'mallory-1');
  await using alice = await connectAs(stack, one, 'alice-1');
  await registerAway(stack, 'bob-1', 'phone', 'laptop');
  const before = await counts();
  expect(await send(mallory, 'bob-1', 'm0', 'm1', 'm2', 'm3')).toEqual([
    'stored',
    'stored',
    'mailbox_full',
    'mailbox_full',
  ]);
  expect(await send(alice, 'bob-1', 'a0')).toEqual(['stored']);
  await untilCounted(before, { device_sender: 2 });
  for (const device of ['phone', 'laptop']) {
    await using client = await connectDevice(stack, one, 'bob-1', device);
    const page = await client.pull();
    expect(idsOf(page.messages)).toEqual(['m0', 'm1', 'a0']);
    expect(page.missed).toBeUndefined(); // what was rejected was missed by nobody
  }
});

test('a device whose mailbox has no room for a sender misses what another device gets, until it has', async () => {
  await using mallory = await connectAs(stack, one, 'mallory-2');
  await registerAway(stack, 'bob-2', 'phone');
  await using laptop = await connectDevice(stack, one, 'bob-2', 'laptop', true);
  const before = await counts();
  expect(await send(mallory, 'bob-2', 'm0', 'm1', 'm2', 'm3', 'm4')).toEqual(
    Array.from({ length: 5 }, () => 'delivered'),
  );
  expect(idsOf(laptop.all('msg:N'))).toEqual(['m0', 'm1', 'm2', 'm3', 'm4']);
  await untilCounted(before, { missed: 3 });
  const phone = await connectDevice(stack, one, 'bob-2', 'phone');
  const { messages, missed } = await emptyMailbox(phone);
  expect([idsOf(messages), missed]).toEqual([['m0', 'm1'], 3]);
  await phone.close();
  await until(async () => (await copiesOf(stack, 'bob-2')).length === 0, { what: 'the confirmation' });
  await until(
    async () => (await stack.sql('SELECT FROM sessions WHERE user_id = $1', ['bob-2'])).length === 1,
    { what: 'presence to forget it' },
  );
  expect(await send(mallory, 'bob-2', 'm5')).toEqual(['delivered']);
  expect(await copiesOf(stack, 'bob-2')).toEqual(['phone m5']);
});

test('a mailbox that is full, whoever filled it, is counted as such', async () => {
  const senders = await Promise.all(
    ['a', 'b', 'c', 'd'].map((name) => connectAs(stack, one, `${name}-of-bob-3`)),
  );
  await registerAway(stack, 'bob-3', 'phone');
  const before = await counts();
  const states: string[] = [];
  for (const [n, sender] of senders.entries())
    states.push(...(await send(sender, 'bob-3', `${n}x`, `${n}y`)));
  expect(states).toEqual([
    ...Array.from({ length: QUOTA }, () => 'stored'),
    ...Array.from({ length: senders.length * OF_ONE_SENDER - QUOTA }, () => 'mailbox_full'),
  ]);
  await untilCounted(before, { device: senders.length * OF_ONE_SENDER - QUOTA });
  for (const sender of senders) await sender.close();
});

test("that of a user without synced devices is counted as the user's", async () => {
  await using mallory = await connectAs(stack, one, 'mallory-4');
  const before = await counts();
  expect(await send(mallory, 'bob-4', 'm0', 'm1', 'm2')).toEqual(['stored', 'stored', 'mailbox_full']);
  await untilCounted(before, { sender: 1 });
});
