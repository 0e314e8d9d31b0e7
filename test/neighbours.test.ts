import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AckEntry, GatewayEntry, RouteEntry } from '#libs/broker/entries.ts';
import { emptyMailbox } from './harness/mailbox.ts';
import { OldGateway } from './harness/old-gateway.ts';
import { connectAs } from './harness/raw-client.ts';
import { receiptInMailbox } from './harness/receipts.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { OLD, readByOld } from './harness/wire-0.2.0.ts';

/** Version 0.2.0 beside this one: the order of upgrade is docs/OPERATIONS.md, "Upgrade and roll back". */

describe('an older service', () => {
  const kindsOf = (schema: { options: readonly { shape: { kind: { value: string } } }[] }) =>
    schema.options.map(({ shape }) => shape.kind.value);
  /** Kinds that 0.2.0 puts into `sixfold.dead`. Whoever adds one says in docs/OPERATIONS.md when it may be used. */
  const ADDED = {
    route: ['revoke', 'erase', 'sent', 'logout', 'presence', 'devices', 'token'],
    ack: ['read'],
    gateway: ['revoked', 'too-many-devices', 'logged-out', 'answer'],
  };

  test.each([
    ['route', kindsOf(RouteEntry), kindsOf(OLD.route)],
    ['ack', kindsOf(AckEntry), ['ack']],
    ['gateway', kindsOf(GatewayEntry), kindsOf(OLD.gateway)],
  ] as const)('knows all kinds of the queue %s but those listed here', (queue, now, then) => {
    const known: readonly string[] = then;
    expect(ADDED[queue]).toEqual(expect.arrayContaining(now.filter((kind) => !known.includes(kind))));
    expect(now).toEqual(expect.arrayContaining([...known]));
  });

  const plain = { from: 'alice', id: 'm', to: 'bob', body: '1', at: 1 };
  const added = { thread: 't', expires: 2, read: true };

  test('drops the new fields of a message, in a route queue and at a gateway', () => {
    const route = { kind: 'message', ...plain };
    expect(readByOld(OLD.route, { ...route, ...added })).toEqual({ entries: [route], unreadable: [] });
    const live = { kind: 'message', session: 's', ...plain, others: [{ gateway: 'g.1', session: 's2' }] };
    expect(readByOld(OLD.gateway, { ...live, ...added, returned: 'expired' })).toEqual({
      entries: [{ ...live, returned: 'expired' }],
      unreadable: [],
    });
    const page = { kind: 'mailbox', session: 's', messages: [], receipts: [], more: false };
    const [entry] = [{ key: 'm1', ...plain }];
    expect(readByOld(OLD.gateway, { ...page, messages: [{ ...entry, ...added }] }).entries).toEqual([
      { ...page, messages: [entry] },
    ]);
  });

  test('puts a read confirmation and a page with a read receipt into sixfold.dead, and reads on', () => {
    const ack = { kind: 'ack', from: 'alice', id: 'm', to: 'bob', at: 1 };
    const acks = readByOld(OLD.ack, { ...ack, kind: 'read' }, ack);
    expect([acks.entries, acks.unreadable.length]).toEqual([[ack], 1]);
    const receipt = { key: 'r1', id: 'm', to: 'bob', state: 'read', at: 1 };
    const page = { kind: 'mailbox', session: 's', messages: [], receipts: [receipt], more: false };
    const hint = { kind: 'hint', session: 's' };
    const pages = readByOld(OLD.gateway, page, hint);
    expect([pages.entries, pages.unreadable.length]).toEqual([[hint], 1]);
  });
});

describe('a gateway of 0.2.0 beside this version', () => {
  let stack: Stack;
  let old: OldGateway;

  beforeAll(async () => {
    stack = await startStack({ gateways: 1, env: { GATEWAY_LEASE_MS: '600000' } });
    old = await OldGateway.start(stack);
  });

  afterAll(async () => {
    await old[Symbol.asyncDispose]();
    await stack.stop();
  });

  let users = 0;
  /** A user that no other test knows. */
  const someone = (name: string) => `${name}-${++users}`;

  test('its messages are delivered or stored here, and the receipts that it gets are all it knows', async () => {
    const [alice, here, away] = [someone('alice'), someone('bob'), someone('carol')];
    await old.logIn(alice);
    await using bob = await connectAs(stack, stack.gateways[0], here, { autoAck: true });
    const at = await old.send(alice, here, 'live');
    const type = 'msg:N';
    expect(await bob.next(type)).toEqual({ type, id: 'live', from: alice, body: 'hello', at, seq: 3 });
    await old.next('receipt', ({ id, state }) => id === 'live' && state === 'delivered');
    await old.send(alice, away, 'later');
    await old.next('receipt', ({ id, state }) => id === 'later' && state === 'stored');
    await using carol = await connectAs(stack, stack.gateways[0], away);
    expect((await emptyMailbox(carol)).messages).toMatchObject([{ id: 'later', from: alice, body: 'hello' }]);
    await old.next('hint', ({ session }) => session === alice);
    await old.pull(alice, 1);
    const page = await old.next('mailbox', ({ ask }) => ask === 1);
    expect(page.receipts).toMatchObject([{ id: 'later', state: 'delivered' }]);
    // Clients that use nothing new cause nothing new, but the time of the message in a receipt, and that a session is alone.
    const added = ['sentAt', 'alone'];
    const mine = old.raw.map((text): unknown =>
      JSON.parse(text, (key, value: unknown) => (added.includes(key) ? undefined : value)),
    );
    expect(readByOld(OLD.gateway, ...mine)).toEqual({ entries: mine, unreadable: [] });
  });

  test('messages with new fields are delivered through it, without them', async () => {
    const [name, peer, away] = [someone('alice'), someone('bob'), someone('carol')];
    await using alice = await connectAs(stack, stack.gateways[0], name);
    await old.logIn(peer);
    const to = [peer, away];
    alice.send({ type: 'msg:R', id: 'm', to, body: 'hello', thread: 't', ttl: 600, read: true });
    const { at } = await alice.next('msg:A', { id: 'm' });
    const message = await old.next('message', ({ from }) => from === name);
    expect(message).toEqual({
      ...{ kind: 'message', session: peer, from: name, id: 'm', to: peer, body: '"hello"', at },
    });
    await old.confirm(message);
    await alice.next('ack:N', { id: 'm', to: peer, state: 'delivered' });
    await alice.next('ack:N', { id: 'm', to: away, state: 'stored' });
  });

  test('what it gives back is stored, without the new fields', async () => {
    const [name, peer] = [someone('alice'), someone('bob')];
    await using alice = await connectAs(stack, stack.gateways[0], name);
    await old.logIn(peer);
    alice.send({ type: 'msg:R', id: 'm', to: peer, body: 'hello', thread: 't', ttl: 600, read: true });
    await old.giveBack(await old.next('message', ({ from }) => from === name));
    await alice.next('ack:N', { id: 'm', state: 'stored' });
    const rows = await stack.sql('SELECT id, thread, expires FROM offline_messages WHERE recipient = $1', [
      peer,
    ]);
    expect(rows).toEqual([{ id: 'm', thread: null, expires: null }]);
  });

  test('it hands out a mailbox with new fields; a read receipt waits until the client is at a newer gateway', async () => {
    const [name, peer] = [someone('alice'), someone('bob')];
    const alice = await connectAs(stack, stack.gateways[0], name);
    alice.send({ type: 'msg:R', id: 'm', to: peer, body: 'hello', thread: 't', read: true });
    await alice.next('ack:N', { id: 'm', state: 'stored' });
    await old.logIn(peer);
    await old.pull(peer, 2);
    const { messages } = await old.next('mailbox', ({ ask }) => ask === 2);
    expect(messages).toMatchObject([{ id: 'm', from: name, body: '"hello"' }]);
    await old.confirmKeys(peer, ...messages.map(({ key }) => key));
    await receiptInMailbox(alice, { id: 'm', state: 'delivered' });
    await alice.terminate();

    await stack.sql(`UPDATE offline_receipts SET state = 'read' WHERE recipient = $1`, [name]);
    await old.logIn(name);
    const dead = old.dead.length;
    await old.pull(name, 3);
    await old.pull(peer, 4);
    await old.next('mailbox', ({ ask }) => ask === 4); // what comes behind it is not affected
    await expect.poll(() => old.dead.length).toBe(dead + 1);
    await using back = await connectAs(stack, stack.gateways[0], name);
    await receiptInMailbox(back, { id: 'm', state: 'read' });
  });
});
