import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { OfflineN } from '#libs/protocol/server-packets.ts';
import { emptyMailbox } from './harness/mailbox.ts';
import type { Metrics } from './harness/metrics.ts';
import { connectAs, isHint, type RawClient } from './harness/raw-client.ts';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';

/** Who is away finds everything in the mailbox, and who wrote to them learns the truth. */

const QUOTA = 20;
const MAX_PAGE_BYTES = 256 * 1024;
/** Most offline:R of a session that wait for the one before to be answered (PROTOCOL: offline:R). */
const MAX_WAITING_PULLS = 8;

let stack: Stack;
let one: ServiceHandle;
let two: ServiceHandle;

beforeAll(async () => {
  stack = await startStack({
    env: { MAILBOX_QUOTA: String(QUOTA), RETENTION_SWEEP_MS: '100' },
  });
  [one, two] = stack.gateways as [ServiceHandle, ServiceHandle];
});

afterAll(() => stack.stop());

const keysOf = ({ messages, receipts }: OfflineN) => [...messages, ...receipts].map(({ key }) => key);
const idsOf = (entries: { id: string }[]) => entries.map(({ id }) => id);
const ids = (count: number, prefix = 'm') => Array.from({ length: count }, (_, n) => `${prefix}${n}`);

/** Sends messages to somebody who is away. */
async function sendAway(client: RawClient, to: string, names: readonly string[]): Promise<void> {
  for (const id of names) client.msg(to, id);
  for (const id of names) await client.next('ack:N', { id, to, state: 'stored' });
}

/** Confirms entries. What the mailbox answers next comes after that, for confirmations and pulls keep their order. */
const confirm = (client: RawClient, ...keys: string[]) => client.send({ type: 'offline:A', keys });

const stored = async (table: 'messages' | 'receipts', user: string) =>
  (await stack.sql(`SELECT id FROM offline_${table} WHERE recipient = $1 ORDER BY key`, [user])).map(
    ({ id }) => id,
  );

const untilAway = (user: string) =>
  until(async () => (await stack.sql('SELECT FROM sessions WHERE user_id = $1', [user])).length === 0, {
    what: `${user} to be away`,
  });

/** Messages that came back from connections that ended; counted when they and their receipts are stored. */
async function returned(): Promise<number> {
  const all = await Promise.all(stack.routing.map((service) => stack.metrics(service)));
  return all.reduce((sum, m) => sum + m.value('sixfold_returned_total', { reason: 'disconnected' }), 0);
}

const hintAt = (client: RawClient) => client.next('offline:N', isHint);

/** The receipt of a message in the mailbox, now or behind a hint; it stays there. */
async function receiptOf(client: RawClient, id: string): Promise<OfflineN['receipts'][number]> {
  for (;;) {
    const found = (await client.pull()).receipts.find((receipt) => receipt.id === id);
    if (found) return found;
    await hintAt(client);
  }
}

test('one offline:R is under way at a time: some more wait their turn, the rest is refused, and the next one works', async () => {
  const COUNT = 60;
  await using sender = await connectAs(stack, one, 'sender-of-pages');
  await sendAway(sender, 'reader', ['p0']);
  await using reader = await connectAs(stack, two, 'reader');
  for (let n = 0; n < COUNT; n++) reader.send({ type: 'offline:R' });
  const pages = () => reader.all('offline:N', (page) => !isHint(page));
  const refused = () => reader.all('error', ({ re }) => re?.type === 'offline:R');
  await until(() => pages().length + refused().length === COUNT, { what: 'an answer to each' });
  expect(refused().length).toBeGreaterThan(0);
  for (const { code } of refused()) expect(code).toBe('rate_limited');
  expect(pages().length).toBeGreaterThanOrEqual(1 + MAX_WAITING_PULLS);
  for (const page of pages()) expect(idsOf(page.messages)).toEqual(['p0']);
  reader.send({ type: 'offline:R' });
  await until(() => pages().length + refused().length === COUNT + 1, { what: 'one more answer' });
  expect(reader.all('error')).toHaveLength(refused().length);
});

describe('a message to somebody who is away', () => {
  test('is stored, and delivered only when its receiver has confirmed it', async () => {
    await using alice = await connectAs(stack, one, 'alice-1');
    alice.msg('bob-1', 'hello', { text: 'are you there' }, 4);
    const { at } = await alice.next('msg:A');
    expect(await alice.next('ack:N')).toMatchObject({ id: 'hello', to: 'bob-1', state: 'stored' });

    await using bob = await connectAs(stack, two, 'bob-1');
    const page = await bob.pull();
    const [entry] = page.messages;
    const key = entry?.key ?? '';
    expect(page).toEqual({
      type: 'offline:N',
      messages: [{ key, id: 'hello', from: 'alice-1', body: { text: 'are you there' }, at, seq: 4 }],
      receipts: [],
      more: false,
    });
    expect(key).not.toBe('');
    expect(await alice.pull()).toMatchObject({ messages: [], receipts: [], more: false }); // pulled is not confirmed

    confirm(bob, key);
    await hintAt(alice);
    const told = await alice.pull();
    expect(told.messages).toEqual([]);
    expect(told.receipts).toMatchObject([{ id: 'hello', to: 'bob-1', state: 'delivered' }]);
    expect(told.receipts[0]?.at).toBeGreaterThanOrEqual(at);
    confirm(alice, ...keysOf(told));
    expect(await alice.pull()).toMatchObject({ messages: [], receipts: [], more: false });
    expect(await bob.pull()).toMatchObject({ messages: [], receipts: [], more: false });
    expect(alice.all('ack:N').map(({ state }) => state)).toEqual(['stored']); // the rest came through the mailbox
    expect(bob.all('msg:N')).toEqual([]);
    expect([...(await stored('messages', 'bob-1')), ...(await stored('receipts', 'alice-1'))]).toEqual([]);
  });

  test('is not confirmed by an ack:R', async () => {
    await using alice = await connectAs(stack, one, 'alice-2');
    await sendAway(alice, 'bob-2', ['kept']);
    await using bob = await connectAs(stack, two, 'bob-2');
    await bob.pull();
    bob.send({ type: 'ack:R', id: 'kept', from: 'alice-2' });
    await bob.next('ack:A', { id: 'kept', from: 'alice-2' });
    alice.msg('bob-2', 'marker'); // its confirmation takes the same way
    await bob.next('msg:N', { id: 'marker' });
    bob.send({ type: 'ack:R', id: 'marker', from: 'alice-2' });
    await alice.next('ack:N', { id: 'marker', state: 'delivered' });
    expect(alice.all('ack:N', { id: 'kept', state: 'delivered' })).toEqual([]);
    expect((await alice.pull()).receipts).toEqual([]);
    expect(idsOf((await bob.pull()).messages)).toEqual(['kept']);
  });

  test('comes again until it is confirmed, also on another gateway', async () => {
    await using alice = await connectAs(stack, one, 'alice-3');
    await sendAway(alice, 'bob-3', ['a', 'b']);
    const first = await connectAs(stack, two, 'bob-3');
    const seen = await first.pull();
    expect(idsOf(seen.messages)).toEqual(['a', 'b']);
    expect(await first.pull()).toEqual(seen);
    await first.terminate();
    await using second = await connectAs(stack, one, 'bob-3');
    expect(await second.pull()).toEqual(seen);
  });

  test('comes once though it was sent twice, with the first time', async () => {
    await using alice = await connectAs(stack, one, 'alice-4');
    alice.msg('bob-4', 'twice', 'the body');
    const { at } = await alice.next('msg:A');
    await alice.next('ack:N', { id: 'twice', state: 'stored' });
    alice.msg('bob-4', 'twice', 'the body');
    expect((await alice.next('msg:A')).at).toBeGreaterThan(at);
    await alice.next('ack:N', { id: 'twice', state: 'stored' });
    await using bob = await connectAs(stack, two, 'bob-4');
    expect((await bob.pull()).messages).toMatchObject([{ id: 'twice', at }]);
  });
});

describe('a receipt for somebody who is away', () => {
  test('waits: the sender left before the receiver confirmed', async () => {
    const alice = await connectAs(stack, one, 'alice-5');
    await using bob = await connectAs(stack, two, 'bob-5');
    alice.msg('bob-5', 'left');
    await bob.next('msg:N');
    await alice.close();
    bob.send({ type: 'ack:R', id: 'left', from: 'alice-5' });
    await bob.next('ack:A');
    await until(async () => (await stored('receipts', 'alice-5')).length === 1, { what: 'the receipt' });
    await using again = await connectAs(stack, two, 'alice-5');
    const { receipts } = await emptyMailbox(again);
    expect(receipts).toMatchObject([{ id: 'left', to: 'bob-5', state: 'delivered' }]);
  });

  test('is found by one who comes back at that moment', async () => {
    await using bob = await connectAs(stack, two, 'bob-6', { autoAck: true });
    for (const id of ids(10)) {
      const alice = await connectAs(stack, one, 'alice-6');
      alice.msg('bob-6', id);
      await alice.next('msg:A');
      await alice.terminate(); // the confirmation is on its way, or even the message
      await using again = await connectAs(stack, two, 'alice-6');
      again.msg('bob-6', id); // what was under way to the old connection may be lost with it
      const receipt = await Promise.race([again.next('ack:N', { id }), receiptOf(again, id)]);
      expect(receipt, again.describe()).toMatchObject({ id, to: 'bob-6', state: 'delivered' });
    }
    expect(new Set(idsOf(bob.all('msg:N')))).toEqual(new Set(ids(10)));
  });

  test('moves forward only, and a new state has a new key', async () => {
    const bob = await connectAs(stack, two, 'bob-7');
    const alice = await connectAs(stack, one, 'alice-7');
    alice.msg('bob-7', 'forward');
    await bob.next('msg:N');
    await alice.close();
    await untilAway('alice-7');
    await bob.terminate(); // unanswered
    await until(async () => (await stored('receipts', 'alice-7')).length === 1, { what: 'the receipt' });
    await using again = await connectAs(stack, one, 'alice-7');
    const [old] = (await again.pull()).receipts;
    expect(old).toMatchObject({ id: 'forward', state: 'stored' });

    await using back = await connectAs(stack, two, 'bob-7');
    expect(idsOf((await emptyMailbox(back)).messages)).toEqual(['forward']);
    await hintAt(again);
    confirm(again, old?.key ?? ''); // late: the mailbox holds the next state by now
    const { receipts } = await again.pull();
    expect(receipts).toMatchObject([{ id: 'forward', to: 'bob-7', state: 'delivered' }]);
    expect(receipts[0]?.key).not.toBe(old?.key);

    // The same message once more, and once more it is stored: that is no news.
    const returnedBefore = await returned();
    again.msg('bob-7', 'forward');
    await back.next('msg:N', { id: 'forward' });
    await again.close();
    await untilAway('alice-7');
    await back.terminate();
    await until(async () => (await returned()) > returnedBefore, { what: 'the message to go back' });
    expect(await stored('messages', 'bob-7')).toEqual(['forward']);
    await using third = await connectAs(stack, one, 'alice-7');
    expect((await third.pull()).receipts).toEqual(receipts);
  });
});

describe('paging', () => {
  test('hands out the oldest first, limit at a time, and goes on behind what was confirmed', async () => {
    await using alice = await connectAs(stack, one, 'alice-8');
    const names = ids(12);
    await sendAway(alice, 'bob-8', names);
    await using bob = await connectAs(stack, two, 'bob-8');
    const first = await bob.pull(5);
    expect([idsOf(first.messages), first.more]).toEqual([names.slice(0, 5), true]);
    expect(await bob.pull(5)).toEqual(first);
    confirm(bob, ...keysOf(first));
    const second = await bob.pull(5);
    expect([idsOf(second.messages), second.more]).toEqual([names.slice(5, 10), true]);
    confirm(bob, ...keysOf(second));
    const third = await bob.pull(5);
    expect([idsOf(third.messages), third.more]).toEqual([names.slice(10), false]);
    const exact = await bob.pull(2);
    expect([idsOf(exact.messages), exact.more]).toEqual([names.slice(10), false]);
  });

  test('counts messages and receipts together', async () => {
    await using alice = await connectAs(stack, one, 'alice-9');
    const earlier = await connectAs(stack, two, 'bob-9');
    await sendAway(earlier, 'carol-9', ['r0', 'r1', 'r2']);
    await earlier.close();
    await untilAway('bob-9');
    await sendAway(alice, 'bob-9', ['m0', 'm1']);
    await using carol = await connectAs(stack, two, 'carol-9');
    await emptyMailbox(carol);
    await until(async () => (await stored('receipts', 'bob-9')).length === 3, { what: 'the receipts' });
    await sendAway(alice, 'bob-9', ['m2']);

    await using bob = await connectAs(stack, two, 'bob-9');
    const first = await bob.pull(4);
    expect([idsOf(first.messages), idsOf(first.receipts), first.more]).toEqual([
      ['m0', 'm1'],
      ['r0', 'r1'],
      true,
    ]);
    confirm(bob, ...keysOf(first));
    const rest = await bob.pull(2);
    expect([idsOf(rest.messages), idsOf(rest.receipts), rest.more]).toEqual([['m2'], ['r2'], false]);
  });

  test('stops before 256 KiB', async () => {
    await using alice = await connectAs(stack, one, 'alice-10');
    const names = ids(12);
    for (const id of names) alice.msg('bob-10', id, 'ö'.repeat(25_000)); // 50,000 bytes each
    for (const id of names) await alice.next('ack:N', { id, state: 'stored' });
    await using bob = await connectAs(stack, two, 'bob-10');
    const got: string[] = [];
    for (let more = true; more;) {
      const page = await bob.pull(500);
      expect(Buffer.byteLength(bob.textOf(page))).toBeLessThanOrEqual(MAX_PAGE_BYTES);
      expect(page.messages.length).toBeGreaterThan(0);
      got.push(...idsOf(page.messages));
      confirm(bob, ...keysOf(page));
      more = page.more;
      if (more) expect(page.messages.length).toBeGreaterThanOrEqual(4); // and not much before
    }
    expect(got).toEqual(names);
  });
});

describe('a confirmation', () => {
  test('deletes exactly the entries that it names', async () => {
    await using alice = await connectAs(stack, one, 'alice-11');
    await sendAway(alice, 'bob-11', ['a', 'b', 'c', 'd']);
    await using bob = await connectAs(stack, two, 'bob-11');
    const [a, b, , d] = keysOf(await bob.pull());
    confirm(bob, d ?? ''); // the newest
    expect(idsOf((await bob.pull()).messages)).toEqual(['a', 'b', 'c']);
    confirm(bob, b ?? '', d ?? '');
    expect(idsOf((await bob.pull()).messages)).toEqual(['a', 'c']);
    confirm(bob, a ?? '');
    expect(idsOf((await bob.pull()).messages)).toEqual(['c']);
    const { receipts } = await emptyMailbox(alice);
    expect(idsOf(receipts).sort()).toEqual(['a', 'b', 'd']);
  });

  test('of entries in the mailbox of somebody else has no effect', async () => {
    await using alice = await connectAs(stack, one, 'alice-12');
    await sendAway(alice, 'bob-12', ['mine']);
    await using bob = await connectAs(stack, two, 'bob-12');
    const keys = keysOf(await bob.pull());
    await using mallory = await connectAs(stack, two, 'mallory-12');
    confirm(mallory, ...keys);
    confirm(alice, ...keys); // not even the sender
    expect(await mallory.pull()).toMatchObject({ messages: [], receipts: [] }); // behind the confirmation
    expect((await alice.pull()).receipts).toEqual([]);
    expect(idsOf((await bob.pull()).messages)).toEqual(['mine']);
  });

  test('of names that were never given does no harm', async () => {
    await using alice = await connectAs(stack, one, 'alice-13');
    await sendAway(alice, 'bob-13', ['a', 'b']);
    await using bob = await connectAs(stack, two, 'bob-13');
    const [a = '', b = ''] = keysOf(await bob.pull());
    const number = a.replace(/\D/g, '');
    const odd = [
      'x',
      '*',
      '%',
      'm',
      'm-1',
      'm1e9',
      `m${'9'.repeat(63)}`,
      "m1' OR 'a'='a",
      '\u0000',
      '日本語',
    ];
    confirm(bob, ...odd, number, `r${number}`, ` ${a}`, `${a} `, `${a}.0`);
    expect(idsOf((await bob.pull()).messages)).toEqual(['a', 'b']);
    confirm(bob, ...odd, b, b, b); // a good one among them counts
    expect(idsOf((await bob.pull()).messages)).toEqual(['a']);
    expect(bob.all('error')).toEqual([]);
  });

  test('of a receipt deletes that receipt and tells nobody', async () => {
    await using alice = await connectAs(stack, one, 'alice-14');
    await sendAway(alice, 'bob-14', ['a', 'b']);
    await using bob = await connectAs(stack, two, 'bob-14');
    await emptyMailbox(bob);
    await hintAt(alice);
    const { receipts } = await alice.pull();
    expect(idsOf(receipts).sort()).toEqual(['a', 'b']);
    confirm(alice, receipts[0]?.key ?? '');
    expect((await alice.pull()).receipts).toEqual(receipts.slice(1));
    expect(await bob.pull()).toMatchObject({ messages: [], receipts: [] });
  });
});

describe('a mailbox', () => {
  test('that is full rejects what is new, and still knows what it holds', async () => {
    await using alice = await connectAs(stack, one, 'alice-15');
    const names = ids(QUOTA + 5);
    for (const id of names) alice.msg('bob-15', id); // in one go: the limit falls within a batch
    for (const id of names.slice(0, QUOTA)) await alice.next('ack:N', { id, state: 'stored' });
    for (const id of names.slice(QUOTA))
      await alice.next('ack:N', { id, state: 'rejected', reason: 'mailbox_full' });
    expect(await stored('messages', 'bob-15')).toEqual(names.slice(0, QUOTA));

    alice.msg('bob-15', 'm0'); // a retransmission
    alice.msg('bob-15', 'late');
    await alice.next('ack:N', { id: 'm0', state: 'stored' });
    await alice.next('ack:N', { id: 'late', state: 'rejected', reason: 'mailbox_full' });
    alice.msg('bob-16', 'm0'); // others have room
    await alice.next('ack:N', { id: 'm0', to: 'bob-16', state: 'stored' });

    await using bob = await connectAs(stack, two, 'bob-15');
    const page = await bob.pull(1);
    confirm(bob, ...keysOf(page));
    await bob.pull(1);
    await bob.close();
    await untilAway('bob-15');
    alice.msg('bob-15', 'late'); // once more: there is room for one now
    await alice.next('ack:N', { id: 'late', state: 'stored' });
    expect(await stored('messages', 'bob-15')).toEqual([...names.slice(1, QUOTA), 'late']);
  });

  test('keeps a message for so long, and then tells its sender that it expired', async () => {
    const [routing] = stack.routing;
    if (!routing) throw new Error('no routing');
    const before = await stack.metrics(routing);
    await using alice = await connectAs(stack, one, 'alice-17');
    await sendAway(alice, 'bob-17', ['old', 'young']);
    const age =
      'UPDATE offline_messages SET stored_at = now() - $2::interval WHERE recipient = $1 AND id = $3';
    await stack.sql(age, ['bob-17', '29 days 23 hours', 'young']);
    await stack.sql(age, ['bob-17', '30 days 1 hour', 'old']);
    await hintAt(alice);
    const { receipts } = await emptyMailbox(alice);
    expect(receipts).toMatchObject([{ id: 'old', to: 'bob-17', state: 'rejected', reason: 'expired' }]);
    expect(alice.all('ack:N').map(({ state }) => state)).toEqual(['stored', 'stored']);

    await using bob = await connectAs(stack, two, 'bob-17');
    expect(idsOf((await emptyMailbox(bob)).messages)).toEqual(['young']);
    await hintAt(alice);
    await alice.close();
    expect(await stored('receipts', 'alice-17')).toEqual(['young']);
    await stack.sql(`UPDATE offline_receipts SET stored_at = now() - interval '31 days'
                     WHERE recipient = 'alice-17'`);
    await until(async () => (await stored('receipts', 'alice-17')).length === 0, {
      what: 'the receipt that nobody came for to expire',
    });
    const after = await stack.metrics(routing);
    for (const what of ['message', 'receipt']) {
      const expired = (metrics: Metrics) => metrics.value('sixfold_expired_total', { what });
      expect(expired(after) - expired(before), what).toBe(1);
    }
  });
});

describe('the hint', () => {
  test('comes once until the client asks', async () => {
    await using alice = await connectAs(stack, one, 'alice-18');
    await sendAway(alice, 'bob-18', ['a', 'b', 'c', 'd']);
    await using bob = await connectAs(stack, two, 'bob-18');
    const [a = '', b = '', c = '', d = ''] = keysOf(await bob.pull());
    for (const key of [a, b, c]) {
      confirm(bob, key);
      await bob.pull(); // so that each is a batch of its own
    }
    expect(await hintAt(alice)).toEqual({ type: 'offline:N', messages: [], receipts: [], more: true });
    await sendAway(alice, 'nobody-18', ['marker']); // its receipt comes the same way, behind all hints
    expect(alice.all('offline:N')).toHaveLength(1);

    expect(idsOf((await emptyMailbox(alice)).receipts)).toEqual(['a', 'b', 'c']);
    confirm(bob, d);
    await hintAt(alice); // the client has asked: there may be another one
    expect(idsOf((await emptyMailbox(alice)).receipts)).toEqual(['d']);
  });

  test.for([
    { what: 'messages', names: 'sender, body', values: `'alice', 'null'` },
    { what: 'receipts', names: 'peer, state', values: `'alice', 'delivered'` },
  ] as const)('comes for $what that nobody told of, as a process that died leaves them', async (late) => {
    const user = `bob-${late.what}`;
    await using bob = await connectAs(stack, one, user);
    await stack.sql(
      `INSERT INTO offline_${late.what} (recipient, id, at, stored_at, ${late.names})
       VALUES ('${user}', 'late', 1, now() - interval '1 minute', ${late.values})`,
    );
    await hintAt(bob);
    expect(idsOf((await emptyMailbox(bob))[late.what])).toEqual(['late']);
  });

  test('comes to a receiver who is connected but did not answer in time', async () => {
    const impatient = await stack.addGateway({ ACK_TIMEOUT_MS: '200' });
    await using alice = await connectAs(stack, one, 'alice-19');
    await using bob = await connectAs(stack, impatient, 'bob-19');
    alice.msg('bob-19', 'unanswered', { n: 1 }, 3);
    const message = await bob.next('msg:N');
    await alice.next('ack:N', { id: 'unanswered', state: 'stored' });
    await hintAt(bob);
    const [entry] = (await bob.pull()).messages;
    expect(entry).toEqual({
      key: entry?.key,
      id: 'unanswered',
      from: 'alice-19',
      body: { n: 1 },
      at: message.at,
      seq: 3,
    });
    bob.send({ type: 'ack:R', id: 'unanswered', from: 'alice-19' }); // too late to count
    await bob.next('ack:A');
    expect(idsOf((await bob.pull()).messages)).toEqual(['unanswered']);
    confirm(bob, entry?.key ?? '');
    await hintAt(alice);
    expect((await emptyMailbox(alice)).receipts).toMatchObject([{ id: 'unanswered', state: 'delivered' }]);
  });
});
