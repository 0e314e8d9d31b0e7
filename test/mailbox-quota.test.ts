import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLogger } from '#libs/runtime/logger.ts';
import { Database } from '#libs/store/database.ts';
import { storeMessages } from '#libs/store/messages.ts';
import { QuotaCache } from '#libs/store/quota-cache.ts';
import { connectAs } from './harness/raw-client.ts';
import { type Stack, startStack } from './harness/stack.ts';

/** A mailbox has room for so many messages, and for so many of one sender. */

const OF_ONE_SENDER = 5;

let stack: Stack;
let database: Database;

beforeAll(async () => {
  const env = { MAILBOX_QUOTA: '20', MAILBOX_QUOTA_PER_SENDER: String(OF_ONE_SENDER) };
  stack = await startStack({ gateways: 1, env });
  const options = { DATABASE_URL: stack.databaseUrl, DATABASE_TIMEOUT_MS: 15_000 };
  database = new Database(options, 'test', createLogger('test', 'warn'));
});

afterAll(async () => {
  await database.close();
  await stack.stop();
});

/** Stores messages named by sender and number, such as `a1`, for one receiver, at once. @returns what did not fit */
async function store(to: string, names: string, rooms: QuotaCache): Promise<Record<string, string>> {
  const messages = names.split(' ').map((id) => ({ to, from: id[0] ?? '', id, body: '1', at: 1 }));
  return Object.fromEntries(
    (await storeMessages(database, messages, rooms)).map(({ id, quota }) => [id, quota]),
  );
}

const stored = async (to: string) =>
  (await stack.sql('SELECT id FROM offline_messages WHERE recipient = $1 ORDER BY key', [to]))
    .map(({ id }) => id)
    .join(' ');

const full = async () => {
  const [routing] = stack.routing;
  if (!routing) throw new Error('no routing');
  const metrics = await stack.metrics(routing);
  const by = (quota: string) => metrics.value('sixfold_mailbox_full_total', { quota });
  return { sender: by('sender'), mailbox: by('mailbox') };
};

test('one sender cannot fill a mailbox: what is too much is rejected, and others still get through', async () => {
  const [gateway] = stack.gateways;
  const before = await full();
  await using mallory = await connectAs(stack, gateway, 'mallory');
  await using alice = await connectAs(stack, gateway, 'alice');
  for (let n = 0; n < OF_ONE_SENDER + 3; n++) mallory.msg('bob', `m${n}`);
  for (let n = 0; n < OF_ONE_SENDER; n++) await mallory.next('ack:N', { id: `m${n}`, state: 'stored' });
  for (let n = OF_ONE_SENDER; n < OF_ONE_SENDER + 3; n++)
    await mallory.next('ack:N', { id: `m${n}`, state: 'rejected', reason: 'mailbox_full' });
  const now = await full();
  expect({ sender: now.sender - before.sender, mailbox: now.mailbox - before.mailbox }).toEqual({
    sender: 3,
    mailbox: 0,
  });

  mallory.msg('carol', 'elsewhere');
  await mallory.next('ack:N', { id: 'elsewhere', state: 'stored' });
  alice.msg('bob', 'hello');
  await alice.next('ack:N', { id: 'hello', state: 'stored' });

  await using bob = await connectAs(stack, gateway, 'bob');
  const [first] = (await bob.pull(1)).messages;
  bob.send({ type: 'offline:A', keys: [first?.key ?? ''] });
  await bob.pull(1); // comes after that
  await bob.close();
  await mallory.next('offline:N'); // m0 is delivered
  expect(first?.id).toBe('m0');
  mallory.msg('bob', 'again');
  const { state } = await mallory.next('ack:N', ({ id }) => id === 'again');
  expect(state).not.toBe('rejected');
});

test("what its sender has no room for takes nobody else's", async () => {
  const rooms = new QuotaCache({ mailbox: 5, sender: 2 });
  const refused = await store('dave', 'a1 a2 a3 a4 b1 b2 c1 c2 c3', rooms);
  expect(refused).toEqual({ a3: 'sender', a4: 'sender', c2: 'mailbox', c3: 'sender' });
  expect(await stored('dave')).toBe('a1 a2 b1 b2 c1');
});

test('what is stored already counts, and its copies do not', async () => {
  const rooms = new QuotaCache({ mailbox: 100, sender: 3 });
  expect(await store('erin', 'a1 a2 b1', rooms)).toEqual({});
  expect(await store('erin', 'a1 a3 a1 a4 a2 b2', rooms)).toEqual({ a4: 'sender' });
  expect(await stored('erin')).toBe('a1 a2 b1 a3 b2');
});

test("a quota for senders that is no smaller than the mailbox's changes nothing", async () => {
  const rooms = new QuotaCache({ mailbox: 3, sender: 3 });
  expect(await store('frank', 'a1 a2 a3 a4', rooms)).toEqual({ a4: 'mailbox' });
  expect(await store('frank', 'b1', rooms)).toEqual({ b1: 'mailbox' });
});

test.each([
  { what: 'all messages together', quotas: { mailbox: 5, sender: 5 }, quota: 'mailbox' },
  { what: 'those of one sender', quotas: { mailbox: 100, sender: 5 }, quota: 'sender' },
])('$what are counted now and then, and whenever the room that is known of is too small', async (each) => {
  const rooms = new QuotaCache(each.quotas, 60_000);
  const to = `gina-${each.quota}`;
  expect(await store(to, 'a1 a2', rooms)).toEqual({});
  expect(await store(to, 'a3', new QuotaCache(each.quotas))).toEqual({}); // another instance, unknown to this one
  expect(await store(to, 'a4 a5', rooms)).toEqual({}); // room for three was known
  expect(await store(to, 'a6 a7', rooms)).toEqual({ a6: each.quota, a7: each.quota });
  await stack.sql("DELETE FROM offline_messages WHERE recipient = $1 AND id IN ('a1', 'a2', 'a3')", [to]);
  expect(await store(to, 'a6 a7', rooms)).toEqual({});
  await stack.sql(
    "INSERT INTO offline_messages (recipient, sender, id, body, at) VALUES ($1, 'a', 'a8', '1', 1)",
    [to],
  );
  expect(await store(to, 'a9', rooms)).toEqual({}); // one too many: what was known is wrong
  const known = new QuotaCache(each.quotas, 0); // for no time at all
  expect(await store(to, 'b1', known)).toEqual(each.quota === 'mailbox' ? { b1: 'mailbox' } : {});
  expect(await store(to, 'a0', known)).toEqual({ a0: each.quota });
});

test('what may have been confirmed is stored beyond the quota, and counts', async () => {
  const rooms = new QuotaCache({ mailbox: 3, sender: 2 });
  expect(await store('henry', 'a1 a2 b1', rooms)).toEqual({});
  const kept = ['a3', 'b2'].map((id) => ({ to: 'henry', from: id[0] ?? '', id, body: '1', at: 1 }));
  expect(await storeMessages(database, kept, rooms, true)).toEqual([]);
  expect(await stored('henry')).toBe('a1 a2 b1 a3 b2');
  expect(await store('henry', 'c1', rooms)).toEqual({ c1: 'mailbox' });
});
