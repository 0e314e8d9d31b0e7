import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { emptyMailbox } from './harness/mailbox.ts';
import { connectAs, type RawClient } from './harness/raw-client.ts';
import { receiptInMailbox } from './harness/receipts.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';

/** The sender learns that a message was read, by a proof that only its receiver was given. */

const OLD = 'the old key of read receipts, long enough';
const NEW = 'the new key of read receipts, long enough';

let stack: Stack;

beforeAll(async () => {
  stack = await startStack({ env: { RECEIPT_SECRET: OLD, RETENTION_SWEEP_MS: '1000' } });
});

afterAll(() => stack.stop());

let users = 0;
/** A user that no other test knows. */
const someone = (name: string) => `${name}-${++users}`;

const ask = (client: RawClient, to: string, id: string) =>
  client.send({ type: 'msg:R', id, to, body: id, read: true });

interface Item {
  from: string;
  id: string;
  read: string;
}

/** Tells the server that messages were seen, and waits until that is durable. */
async function seen(client: RawClient, ...items: Item[]): Promise<void> {
  client.send({ type: 'read:R', items });
  const { items: answered } = await client.next('read:A');
  expect(answered).toEqual(items.map(({ from, id }) => ({ from, id })));
}

/** The next message live, answered, and what proves that it came. */
async function take(client: RawClient, id: string): Promise<Item> {
  const { from, read = '' } = await client.next('msg:N', { id });
  client.send({ type: 'ack:R', id, from });
  await client.next('ack:A', { id });
  return { from, id, read };
}

const rows = (user: string) =>
  stack.sql('SELECT id, peer, state FROM offline_receipts WHERE recipient = $1 ORDER BY key', [user]);

describe('a read receipt', () => {
  test('comes to a sender who asked for it, through the mailbox only, and not to one who did not', async () => {
    const [name, peer] = [someone('alice'), someone('bob')];
    await using alice = await connectAs(stack, stack.gateways[0], name);
    await using bob = await connectAs(stack, stack.gateways[1], peer);
    ask(alice, peer, 'asked');
    const item = await take(bob, 'asked');
    expect(item.read).toMatch(/^.{1,64}$/);
    await alice.next('ack:N', { id: 'asked', state: 'delivered' });
    await seen(bob, item);
    const receipt = await receiptInMailbox(alice, { id: 'asked' });
    const { key, at } = receipt;
    expect(receipt).toEqual({ key, id: 'asked', to: peer, state: 'read', at });
    alice.msg(peer, 'plain');
    expect(Object.keys(await bob.next('msg:N', { id: 'plain' }))).not.toContain('read');
    expect(alice.all('ack:N', { state: 'read' })).toEqual([]);
  });

  test('can be given for a message of the mailbox, by any session of the receiver, later', async () => {
    const [name, peer] = [someone('alice'), someone('bob')];
    await using alice = await connectAs(stack, stack.gateways[0], name);
    ask(alice, peer, 'm');
    await alice.next('ack:N', { id: 'm', state: 'stored' });
    const bob = await connectAs(stack, stack.gateways[0], peer);
    const { messages } = await emptyMailbox(bob);
    await bob.terminate();
    await receiptInMailbox(alice, { id: 'm', state: 'delivered' });
    await using later = await connectAs(stack, stack.gateways[1], peer, { device: 'tablet' });
    await seen(later, { from: name, id: 'm', read: messages[0]?.read ?? '' });
    await receiptInMailbox(alice, { id: 'm', state: 'read' });
    expect(await rows(name)).toEqual([{ id: 'm', peer, state: 'read' }]); // in the place of the one before
  });

  test('waits for a sender who is away; `delivered` behind it takes nothing back', async () => {
    const [name, peer] = [someone('alice'), someone('bob')];
    const alice = await connectAs(stack, stack.gateways[0], name);
    await using bob = await connectAs(stack, stack.gateways[1], peer);
    ask(alice, peer, 'm');
    const { from, read = '' } = await bob.next('msg:N', { id: 'm' });
    await alice.terminate();
    await until(
      async () => (await stack.sql('SELECT FROM sessions WHERE user_id = $1', [name])).length === 0,
      {
        what: 'the sender to be away',
      },
    );
    await seen(bob, { from, id: 'm', read });
    await until(async () => (await rows(name)).length === 1, { what: 'the read receipt' });
    bob.send({ type: 'ack:R', id: 'm', from });
    await bob.next('ack:A', { id: 'm' });
    // What comes behind it is dealt with after it.
    await using carol = await connectAs(stack, stack.gateways[0], someone('carol'));
    carol.msg(peer, 'marker');
    await take(bob, 'marker');
    await carol.next('ack:N', { id: 'marker', state: 'delivered' });
    await using back = await connectAs(stack, stack.gateways[0], name);
    const { receipts } = await emptyMailbox(back);
    expect(receipts.map(({ id, state }) => [id, state])).toEqual([['m', 'read']]);
  });

  test('does not follow `rejected`: a message that expired unanswered stays so', async () => {
    const [name, peer] = [someone('alice'), someone('bob')];
    await using alice = await connectAs(stack, stack.gateways[0], name);
    const bob = await connectAs(stack, stack.gateways[1], peer);
    for (const [id, ttl] of [
      ['short', 1],
      ['long', 600],
    ] as const)
      alice.send({ type: 'msg:R', id, to: peer, body: id, read: true, ttl });
    const short = await bob.next('msg:N', { id: 'short' });
    const long = await bob.next('msg:N', { id: 'long' });
    await until(() => Date.now() > short.at + 1_000, { what: 'its time to be over' });
    await bob.terminate();
    await receiptInMailbox(alice, { id: 'short', state: 'rejected' });
    await using back = await connectAs(stack, stack.gateways[1], peer);
    await seen(back, { from: name, id: 'short', read: short.read ?? '' });
    await seen(back, { from: name, id: 'long', read: long.read ?? '' });
    await receiptInMailbox(alice, { id: 'long', state: 'read' });
    expect((await rows(name)).map(({ id, state }) => [id, state])).toEqual([
      ['short', 'rejected'],
      ['long', 'read'],
    ]);
  });

  test('is the last state of a message that is not confirmed, and expires in the mailbox', async () => {
    const [name, peer] = [someone('alice'), someone('bob')];
    await using alice = await connectAs(stack, stack.gateways[0], name);
    alice.send({ type: 'msg:R', id: 'm', to: peer, body: 'm', read: true, ttl: 3_600 });
    alice.send({ type: 'msg:R', id: 'other', to: peer, body: 'other', read: true, ttl: 3_600 });
    for (const id of ['m', 'other']) await alice.next('ack:N', { id, state: 'stored' });
    await using bob = await connectAs(stack, stack.gateways[1], peer);
    bob.send({ type: 'offline:R' });
    const { messages } = await bob.next('offline:N', ({ messages }) => messages.length === 2);
    const { read = '' } = messages.find(({ id }) => id === 'm') ?? {};
    await seen(bob, { from: name, id: 'm', read });
    await receiptInMailbox(alice, { id: 'm', state: 'read' });
    await emptyMailbox(alice);
    const confirmed = async () => (await rows(name)).length === 0; // no row keeps `rejected` from being told
    await until(confirmed, { what: 'the receipt to be confirmed' });
    await stack.sql(
      `UPDATE offline_messages SET stored_at = now() - interval '1 hour', expires = 1 WHERE recipient = $1`,
      [peer],
    );
    await receiptInMailbox(alice, { id: 'other', state: 'rejected' });
    expect(await rows(name)).toEqual([{ id: 'other', peer, state: 'rejected' }]);
    expect(await stack.sql('SELECT id FROM offline_messages WHERE recipient = $1', [peer])).toEqual([]);
  });

  test('is answered each time that it is sent again, and comes once', async () => {
    const [name, peer] = [someone('alice'), someone('bob')];
    await using alice = await connectAs(stack, stack.gateways[0], name);
    await using bob = await connectAs(stack, stack.gateways[1], peer);
    for (const id of ['m1', 'm2']) ask(alice, peer, id);
    const items = [await take(bob, 'm1'), await take(bob, 'm2')];
    await seen(bob, ...items, ...items);
    await seen(bob, ...items);
    await receiptInMailbox(alice, { id: 'm2', state: 'read' });
    expect(await rows(name)).toHaveLength(2);
  });
});

test('what was not handed to this user proves nothing: forged, replayed and foreign items leave no row', async () => {
  const [name, peer, third] = [someone('alice'), someone('bob'), someone('eve')];
  await using alice = await connectAs(stack, stack.gateways[0], name);
  await using bob = await connectAs(stack, stack.gateways[1], peer);
  await using eve = await connectAs(stack, stack.gateways[1], third);
  ask(alice, peer, 'for-bob');
  ask(alice, third, 'for-eve');
  const [bobs, eves] = [await take(bob, 'for-bob'), await take(eve, 'for-eve')];
  const forged: Item[] = [
    { ...bobs }, // bob's proof
    { ...bobs, read: eves.read },
    { ...eves, id: 'for-eve-2' },
    { ...eves, from: peer },
    { ...eves, read: '' },
    { ...eves, read: `${eves.read}=` },
    { ...eves, read: eves.read.slice(0, -1) },
    { ...eves, read: 'A'.repeat(22) },
    { ...eves, read: '\u0000'.repeat(64) },
    { from: 'constructor', id: '__proto__', read: eves.read },
  ];
  await seen(eve, ...forged);
  expect(await rows(name)).toEqual([]);
  await seen(bob, bobs); // what was published before is dealt with before
  await receiptInMailbox(alice, { id: 'for-bob', state: 'read' });
  expect(await rows(name)).toEqual([{ id: 'for-bob', peer, state: 'read' }]);
  expect(await stack.sql("SELECT FROM offline_receipts WHERE recipient = 'constructor'")).toEqual([]);
  const counted = await stack.metrics(stack.gateways[1] as never);
  expect(counted.value('sixfold_read_items_total', { outcome: 'ignored' })).toBeGreaterThanOrEqual(
    forged.length,
  );
});

test('while the key is changed, proofs of both keys are good; of the old one no longer after that', async () => {
  const [changing, changed] = await Promise.all([
    stack.addGateway({ RECEIPT_SECRET: NEW, RECEIPT_SECRET_PREVIOUS: OLD }),
    stack.addGateway({ RECEIPT_SECRET: NEW }),
  ]);
  const [name, peer] = [someone('alice'), someone('bob')];
  await using alice = await connectAs(stack, stack.gateways[0], name);
  const handed: Item[] = [];
  for (const [gateway, id] of [
    [stack.gateways[0], 'old-1'],
    [stack.gateways[0], 'old-2'],
    [changing, 'new'],
  ] as const) {
    await using bob = await connectAs(stack, gateway, peer);
    ask(alice, peer, id);
    handed.push(await take(bob, id));
  }
  const [one, two, three] = handed as [Item, Item, Item];
  await using during = await connectAs(stack, changing, peer);
  await seen(during, one);
  await receiptInMailbox(alice, { id: 'old-1', state: 'read' });
  await using after = await connectAs(stack, changed, peer, { device: 'other' });
  await seen(after, two, three);
  await receiptInMailbox(alice, { id: 'new', state: 'read' });
  expect((await rows(name)).map(({ id }) => id)).toEqual(['old-1', 'new']);
});

test('100 items count as one packet, and 101 are a bad one', async () => {
  const gateway = await stack.addGateway({ RATE_BURST: '2', RATE_LIMIT_PER_S: '0.0001' });
  await using bob = await connectAs(stack, gateway, someone('bob'));
  const items = Array.from({ length: 101 }, (_, n) => ({ from: 'alice', id: `m${n}`, read: 'x' }));
  await seen(bob, ...items.slice(1));
  bob.send({ type: 'read:R', items });
  expect(await bob.next('error')).toMatchObject({ code: 'bad_packet', re: { type: 'read:R' } });
  bob.send({ type: 'read:R', items: items.slice(1) });
  expect(await bob.next('error')).toMatchObject({ code: 'rate_limited', re: { type: 'read:R' } });
});
