import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { emptyMailbox, type MailboxContents } from './harness/mailbox.ts';
import { connectAs, connectRaw, isHint, type RawClient } from './harness/raw-client.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { connectDevice, copiesOf as copiesOfUser, registerAway, statesOf } from './harness/synced.ts';
import { until } from './harness/wait.ts';

/** PROTOCOL, sync: a mailbox for each device. */

const ACK_TIMEOUT_MS = 1_500;

let stack: Stack;
let one: ServiceHandle;
let two: ServiceHandle;

beforeAll(async () => {
  stack = await startStack({
    env: { ACK_TIMEOUT_MS: String(ACK_TIMEOUT_MS), MAX_DEVICES: '3', RETENTION_SWEEP_MS: '1000' },
  });
  [one, two] = stack.gateways as [ServiceHandle, ServiceHandle];
});

afterAll(() => stack.stop());

const ids = (count: number) => Array.from({ length: count }, (_, n) => `m${n}`);
const idsOf = (entries: { id: string }[]) => entries.map(({ id }) => id);
const ack = (client: RawClient, from: string, id: string) => client.send({ type: 'ack:R', from, id });
const synced = (user: string, device: string, gateway = one, autoAck = false) =>
  connectDevice(stack, gateway, user, device, autoAck);
const away = (user: string, ...devices: string[]) => registerAway(stack, user, ...devices);
const copiesOf = (user: string) => copiesOfUser(stack, user);

describe('a synced device', () => {
  test('is one from the login:A on that says so, also at later logins', async () => {
    const first = await connectAs(stack, one, 'amy', { device: 'd', sync: true });
    expect(first.all('login:A')).toMatchObject([{ sync: true, device: 'd' }]);
    expect(await stack.sql('SELECT device FROM devices WHERE user_id = $1', ['amy'])).toEqual([
      { device: 'd' },
    ]);
    await first.close();
    await using second = await connectAs(stack, two, 'amy', { device: 'd' });
    expect(second.all('login:A')).toMatchObject([{ sync: true }]);
    await using other = await connectAs(stack, two, 'amy', { device: 'e' });
    expect(other.all('login:A')[0]?.sync).toBeUndefined();
    // A renewal that asks for it makes it one as well.
    other.send({ type: 'login:R', token: await stack.token('amy'), device: 'e', sync: true });
    await other.next('login:A', { sync: true });
    expect(await stack.sql('SELECT device FROM devices WHERE user_id = $1 ORDER BY 1', ['amy'])).toEqual([
      { device: 'd' },
      { device: 'e' },
    ]);
  });

  test('beyond MAX_DEVICES is refused, and has no effect', async () => {
    await away('ben', 'a', 'b', 'c');
    const client = await connectAs(stack, one, 'ben', { device: 'd' });
    await client.close();
    const raw = await connectRaw(one.url, { token: await stack.token('ben'), device: 'd', sync: true });
    raw.send({ type: 'login:R', token: await stack.token('ben'), device: 'd', sync: true });
    await raw.next('error', { code: 'too_many_devices' });
    expect(await raw.closed).toMatchObject({ code: 4403 });
    expect(await stack.sql('SELECT FROM devices WHERE user_id = $1', ['ben'])).toHaveLength(3);
    expect((await stack.metrics(one)).value('sixfold_refused_total', { reason: 'devices_per_user' })).toBe(1);
    // One that is known has its place.
    await using known = await synced('ben', 'b');
    expect(known.all('login:A')).toMatchObject([{ sync: true }]);
  });
});

describe('every message gets a copy for each synced device', () => {
  test('live to both; the first confirmation settles it for the sender and for nobody else', async () => {
    await using alice = await connectAs(stack, one, 'alice-1');
    await using phone = await synced('bob-1', 'phone');
    await using laptop = await synced('bob-1', 'laptop', two);
    alice.msg('bob-1', 'x');
    await phone.next('msg:N', { id: 'x' });
    await laptop.next('msg:N', { id: 'x' });
    ack(phone, 'alice-1', 'x');
    await phone.next('ack:A', { id: 'x' });
    await alice.next('ack:N', { id: 'x', state: 'delivered' });
    // The laptop's copy comes back when it is not answered, and lies in the laptop's mailbox only.
    await laptop.next('offline:N', isHint);
    expect(await copiesOf('bob-1')).toEqual(['laptop x']);
    expect((await emptyMailbox(phone)).messages).toEqual([]);
    expect(idsOf((await emptyMailbox(laptop)).messages)).toEqual(['x']);
    await until(async () => (await copiesOf('bob-1')).length === 0, { what: 'the confirmation' });
    expect(await statesOf(alice, 'x')).toEqual(['delivered']);
  });

  test('both confirm live: one receipt for the sender, nothing stored', async () => {
    await using alice = await connectAs(stack, one, 'alice-2');
    await using phone = await synced('bob-2', 'phone');
    await using laptop = await synced('bob-2', 'laptop', two);
    for (const id of ids(20)) alice.msg('bob-2', id);
    for (const id of ids(20)) {
      await phone.next('msg:N', { id });
      ack(phone, 'alice-2', id);
      await alice.next('ack:N', { id, state: 'delivered' });
    }
    expect(idsOf(laptop.all('msg:N'))).toEqual(ids(20));
    for (const id of ids(20)) ack(laptop, 'alice-2', id);
    for (const id of ids(20)) await laptop.next('ack:A', { id });
    expect(alice.all('ack:N')).toHaveLength(20);
    expect(await copiesOf('bob-2')).toEqual([]);
  });

  test('one away: it gets all in order when it comes, and the sender only `delivered`', async () => {
    await using alice = await connectAs(stack, one, 'alice-3');
    await away('bob-3', 'phone');
    await using laptop = await synced('bob-3', 'laptop', two, true);
    for (const id of ids(30)) alice.msg('bob-3', id);
    for (const id of ids(30)) await alice.next('ack:N', { id, state: 'delivered' });
    expect(idsOf(laptop.all('msg:N'))).toEqual(ids(30));
    await using phone = await synced('bob-3', 'phone', two);
    expect(idsOf((await emptyMailbox(phone, 7)).messages)).toEqual(ids(30));
    expect((await emptyMailbox(phone)).messages).toEqual([]);
    expect(await statesOf(alice, 'm0')).toEqual(['delivered']);
    expect(
      await stack.sql('SELECT FROM device_messages WHERE recipient = $1 AND body IS NOT NULL', ['bob-3']),
    ).toEqual([]);
  });

  test('all away: `stored`, then `delivered` with the first device; the other still has its copy', async () => {
    await using alice = await connectAs(stack, one, 'alice-4');
    await away('bob-4', 'phone', 'laptop');
    alice.msg('bob-4', 'x', { n: 1 }, 7);
    const msgA = await alice.next('msg:A', { id: 'x' });
    await alice.next('ack:N', { id: 'x', state: 'stored' });
    await using phone = await synced('bob-4', 'phone');
    expect((await emptyMailbox(phone)).messages).toMatchObject([
      { id: 'x', from: 'alice-4', body: { n: 1 }, seq: 7, at: msgA.at },
    ]);
    await alice.next('offline:N', isHint);
    expect(await statesOf(alice, 'x')).toEqual(['stored', 'delivered']);
    await using laptop = await synced('bob-4', 'laptop', two);
    expect(idsOf((await emptyMailbox(laptop)).messages)).toEqual(['x']);
    await until(async () => (await copiesOf('bob-4')).length === 0, { what: 'the confirmation' });
    expect(await statesOf(alice, 'x')).toEqual(['stored']);
  });

  test('`stored` when the last live copy came back, not before', async () => {
    await using alice = await connectAs(stack, one, 'alice-5');
    await using phone = await synced('bob-5', 'phone');
    await using laptop = await synced('bob-5', 'laptop', two);
    alice.msg('bob-5', 'x');
    await phone.next('msg:N', { id: 'x' });
    await laptop.next('msg:N', { id: 'x' });
    await phone.close();
    await until(async () => (await copiesOf('bob-5')).includes('phone x'), { what: "the phone's copy" });
    expect(alice.all('ack:N')).toEqual([]);
    await alice.next('ack:N', { id: 'x', state: 'stored' });
    expect((await copiesOf('bob-5')).sort()).toEqual(['laptop x', 'phone x']);
    expect(idsOf((await emptyMailbox(laptop)).messages)).toEqual(['x']);
    await alice.next('offline:N', isHint);
    expect(await statesOf(alice, 'x')).toEqual(['stored', 'delivered']);
  });

  test('a copy that comes back after another device confirmed, and one whose news of it is late, tell nothing', async () => {
    await using alice = await connectAs(stack, one, 'alice-6');
    await using phone = await synced('bob-6', 'phone');
    const laptop = await synced('bob-6', 'laptop', two);
    alice.msg('bob-6', 'x');
    await phone.next('msg:N', { id: 'x' });
    await laptop.next('msg:N', { id: 'x' });
    await laptop.close(); // its copy is on its way back
    ack(phone, 'alice-6', 'x');
    await alice.next('ack:N', { id: 'x', state: 'delivered' });
    await until(async () => (await copiesOf('bob-6')).length === 1, { what: 'its copy' });
    await until(
      async () =>
        (await stack.sql('SELECT delivered FROM device_messages WHERE recipient = $1', ['bob-6']))[0]?.[
          'delivered'
        ] === true,
      { what: 'the mailbox to know' },
    );
    await using again = await synced('bob-6', 'laptop', one);
    expect(idsOf((await emptyMailbox(again)).messages)).toEqual(['x']);
    await until(async () => (await copiesOf('bob-6')).length === 0, { what: 'the confirmation' });
    expect(await statesOf(alice, 'x')).toEqual(['delivered']);
  });

  test('a takeover of one device keeps its copies for it', async () => {
    await using alice = await connectAs(stack, one, 'alice-7');
    const first = await synced('bob-7', 'phone');
    await using laptop = await synced('bob-7', 'laptop', two, true);
    for (const id of ids(5)) alice.msg('bob-7', id);
    await first.next('msg:N', { id: 'm4' });
    await using second = await synced('bob-7', 'phone', two);
    await first.next('bye', { reason: 'replaced' });
    await until(async () => (await copiesOf('bob-7')).length === 5, { what: 'the copies to come back' });
    expect(idsOf((await emptyMailbox(second)).messages).sort()).toEqual(ids(5));
    expect(idsOf(laptop.all('msg:N'))).toEqual(ids(5));
    for (const id of ids(5)) expect(await statesOf(alice, id)).toEqual(['delivered']);
  });

  test('what lay in the mailbox of the user is read by every synced device; the first confirmation deletes it', async () => {
    await using alice = await connectAs(stack, one, 'alice-8');
    alice.msg('bob-8', 'old');
    await alice.next('ack:N', { id: 'old', state: 'stored' });
    await using phone = await synced('bob-8', 'phone');
    await using laptop = await synced('bob-8', 'laptop', two);
    expect(idsOf((await phone.pull()).messages)).toEqual(['old']);
    expect(idsOf((await emptyMailbox(laptop)).messages)).toEqual(['old']);
    await alice.next('offline:N', isHint);
    expect(await statesOf(alice, 'old')).toEqual(['stored', 'delivered']);
    expect((await phone.pull()).messages).toEqual([]);
  });
});

describe('a session that is not synced, beside synced devices', () => {
  test('gets live copies, settles nothing for the others, and finds nothing in the mailbox', async () => {
    await using alice = await connectAs(stack, one, 'alice-9');
    await away('bob-9', 'phone');
    await using web = await connectAs(stack, two, 'bob-9', { device: 'web' });
    alice.msg('bob-9', 'x');
    await web.next('msg:N', { id: 'x' });
    ack(web, 'alice-9', 'x');
    await alice.next('ack:N', { id: 'x', state: 'delivered' });
    expect(await copiesOf('bob-9')).toEqual(['phone x']);
    expect(await web.pull()).toMatchObject({ messages: [], receipts: [], more: false });
    alice.msg('bob-9', 'y');
    await web.next('msg:N', { id: 'y' });
    await web.close(); // not answered: it is for the phone only
    await alice.next('ack:N', { id: 'y', state: 'stored' });
    expect(await copiesOf('bob-9')).toEqual(['phone x', 'phone y']);
    await using phone = await synced('bob-9', 'phone');
    expect(idsOf((await emptyMailbox(phone)).messages)).toEqual(['x', 'y']);
  });
});

describe('what a synced device sends', () => {
  test("comes to its user's other devices, with `to` as sent, and never to itself", async () => {
    await away('ann-1', 'tablet');
    await using phone = await synced('ann-1', 'phone');
    await using laptop = await synced('ann-1', 'laptop', two, true);
    await using web = await connectAs(stack, two, 'ann-1', { device: 'web' });
    await using bob = await connectAs(stack, one, 'bob-10', { autoAck: true });
    phone.send({ type: 'msg:R', id: 'a', to: 'bob-10', body: 1, seq: 3, thread: 't', read: true });
    const { at } = await phone.next('msg:A', { id: 'a' });
    const copy = await laptop.next('msg:N', { id: 'a' });
    expect(copy).toEqual({
      type: 'msg:N',
      id: 'a',
      from: 'ann-1',
      to: 'bob-10',
      body: 1,
      at,
      seq: 3,
      thread: 't',
    });
    await laptop.next('ack:A', { id: 'a' });
    expect((await bob.next('msg:N', { id: 'a' })).read).toBeTypeOf('string');
    phone.msg(['bob-10', 'carl-10'], 'b');
    expect((await laptop.next('msg:N', { id: 'b' })).to).toEqual(['bob-10', 'carl-10']);
    phone.msg(['bob-10', 'ann-1'], 'self');
    expect((await phone.next('msg:N', { id: 'self' })).to).toBeUndefined();
    await using tablet = await synced('ann-1', 'tablet');
    const { messages } = await emptyMailbox(tablet);
    expect(messages.map(({ id, to, from }) => [id, from, to])).toEqual([
      ['a', 'ann-1', 'bob-10'],
      ['b', 'ann-1', ['bob-10', 'carl-10']],
      ['self', 'ann-1', undefined],
    ]);
    expect(messages.every(({ read }) => read === undefined)).toBe(true);
    expect(idsOf(phone.all('msg:N'))).toEqual(['self']);
    expect(idsOf(web.all('msg:N'))).toEqual(['self']);
  });

  test('that is not answered comes back to that device; nobody is told', async () => {
    await using phone = await synced('ann-2', 'phone');
    await using laptop = await synced('ann-2', 'laptop', two);
    await using bob = await connectAs(stack, one, 'bob-11', { autoAck: true });
    phone.msg('bob-11', 'x');
    await phone.next('ack:N', { id: 'x', state: 'delivered' });
    await until(async () => (await copiesOf('ann-2')).length === 1, { what: "the laptop's copy" });
    expect((await emptyMailbox(laptop)).messages).toMatchObject([{ id: 'x', from: 'ann-2', to: 'bob-11' }]);
    await bob.close();
    expect(phone.all('ack:N')).toHaveLength(1);
    expect(await emptyMailbox(phone)).toEqual({ messages: [], receipts: [] });
  });
});

describe('a copy whose time is over', () => {
  test('live, and not answered: its device is told that it missed it', async () => {
    await using alice = await connectAs(stack, one, 'alice-13');
    await using phone = await synced('bob-13', 'phone');
    await using laptop = await synced('bob-13', 'laptop', two, true);
    alice.send({ type: 'msg:R', id: 'x', to: 'bob-13', body: 1, ttl: 1 });
    await alice.next('ack:N', { id: 'x', state: 'delivered' });
    await phone.next('offline:N', isHint);
    expect(await emptyMailbox(phone)).toEqual({ messages: [], receipts: [], missed: 1 });
    expect(idsOf(phone.all('msg:N'))).toEqual(['x']);
    expect((await laptop.pull()).missed).toBeUndefined();
    expect(await statesOf(alice, 'x')).toEqual(['delivered']);
  });

  test('live to all, and not answered: the sender is told, and nobody missed anything', async () => {
    await using alice = await connectAs(stack, one, 'alice-14');
    await using phone = await synced('bob-14', 'phone');
    alice.send({ type: 'msg:R', id: 'x', to: 'bob-14', body: 1, ttl: 1 });
    await alice.next('offline:N', isHint);
    expect((await emptyMailbox(alice)).receipts).toMatchObject([{ state: 'rejected', reason: 'expired' }]);
    expect(await emptyMailbox(phone)).toEqual({ messages: [], receipts: [] });
    const routing = await Promise.all(stack.routing.map((instance) => stack.metrics(instance)));
    for (const metrics of routing) expect(metrics.value('sixfold_mailbox_full_total')).toBe(0);
  });

  test('of what another device sent: live and not answered, or over before it was routed', async () => {
    await away('ann-4', 'tablet');
    await using phone = await synced('ann-4', 'phone');
    await using laptop = await synced('ann-4', 'laptop', two);
    phone.send({ type: 'msg:R', id: 'x', to: 'bob-15', body: 1, ttl: 1 });
    await laptop.next('msg:N', { id: 'x' });
    let missed = 0;
    const missedSoFar = async () => (missed += (await emptyMailbox(laptop)).missed ?? 0);
    await until(async () => (await missedSoFar()) === 1, { what: 'the first one to be missed' });
    for (const instance of stack.routing) instance.signal('SIGSTOP');
    phone.send({ type: 'msg:R', id: 'y', to: 'bob-15', body: 1, ttl: 1 });
    const { at } = await phone.next('msg:A', { id: 'y' });
    await until(() => Date.now() > at + 1_000, { what: 'its end' });
    for (const instance of stack.routing) instance.signal('SIGCONT');
    await until(async () => (await missedSoFar()) === 2, { what: 'the second one to be missed' });
    expect(idsOf(laptop.all('msg:N'))).toEqual(['x']);
    await using tablet = await synced('ann-4', 'tablet');
    await until(async () => (missed += (await emptyMailbox(tablet)).missed ?? 0) === 3, {
      what: 'the tablet to have missed the second one',
    });
  });

  test('in the mailbox of a device that came back: it hears of it when the message is swept', async () => {
    await using alice = await connectAs(stack, one, 'alice-16');
    await away('bob-16', 'phone');
    await using laptop = await synced('bob-16', 'laptop', two, true);
    alice.send({ type: 'msg:R', id: 'x', to: 'bob-16', body: 1, ttl: 1 });
    await laptop.next('msg:N', { id: 'x' });
    await using phone = await synced('bob-16', 'phone');
    let contents: MailboxContents = { messages: [], receipts: [] };
    while (contents.missed === undefined) {
      await phone.next('offline:N', isHint, 60_000);
      contents = await emptyMailbox(phone);
    }
    expect(contents).toEqual({ messages: [], receipts: [], missed: 1 });
  });
});

test('receipts: live to the session that sent, through the mailbox to the other synced devices', async () => {
  await away('ann-3', 'tablet');
  await using phone = await synced('ann-3', 'phone');
  await using laptop = await synced('ann-3', 'laptop', two, true);
  await using web = await connectAs(stack, two, 'ann-3', { device: 'web' });
  await using bob = await connectAs(stack, one, 'bob-12', { autoAck: true });
  phone.msg('bob-12', 'x');
  await phone.next('ack:N', { id: 'x', state: 'delivered', to: 'bob-12' });
  await web.next('ack:N', { id: 'x', state: 'delivered' });
  await laptop.next('offline:N', isHint);
  expect((await emptyMailbox(laptop)).receipts).toMatchObject([
    { id: 'x', to: 'bob-12', state: 'delivered' },
  ]);
  expect((await emptyMailbox(phone)).receipts).toEqual([]);
  expect(laptop.all('ack:N')).toEqual([]);
  await bob.close();
  phone.msg('bob-12', 'y');
  await phone.next('ack:N', { id: 'y', state: 'stored' });
  await using back = await connectAs(stack, one, 'bob-12');
  await emptyMailbox(back);
  await phone.next('offline:N', isHint);
  expect((await emptyMailbox(phone)).receipts).toMatchObject([{ id: 'y', state: 'delivered' }]);
  await using tablet = await synced('ann-3', 'tablet');
  expect((await emptyMailbox(tablet)).receipts).toMatchObject([
    { id: 'x', state: 'delivered' },
    { id: 'y', state: 'delivered' },
  ]);
  // A session that is not synced sends: all synced devices get the receipt through their mailboxes.
  web.msg('bob-12', 'z');
  await web.next('ack:N', { id: 'z' });
  for (const device of [phone, laptop, tablet])
    await until(async () => idsOf((await emptyMailbox(device)).receipts).includes('z'), {
      what: 'the receipt',
    });
});
