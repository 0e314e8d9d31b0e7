import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LINGER_MS } from '#libs/broker/ack-batcher.ts';
import { admin as run } from '../services/admin/program.ts';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { emptyMailbox } from './harness/mailbox.ts';
import { connectAs, connectRaw, isHint, type RawClient } from './harness/raw-client.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { connectDevice, copiesOf, registerAway, statesOf } from './harness/synced.ts';
import { until } from './harness/wait.ts';

/** PROTOCOL, sync: what leaves the mailbox of a device unread, what the sender learns, and what may meet at one moment. */

let stack: Stack;
let one: ServiceHandle;
let two: ServiceHandle;

beforeAll(async () => {
  const env = {
    MAILBOX_QUOTA: '3',
    RETENTION_SWEEP_MS: '200',
    HOUSEKEEPING_MS: '100',
    ACK_TIMEOUT_MS: '20000',
  };
  stack = await startStack({ env });
  [one, two] = stack.gateways as [ServiceHandle, ServiceHandle];
});

afterAll(() => stack.stop());

const idsOf = (entries: { id: string }[]) => entries.map(({ id }) => id);
const ack = (client: RawClient, from: string, id: string) => client.send({ type: 'ack:R', from, id });
const synced = (user: string, device: string, gateway = one, autoAck = false) =>
  connectDevice(stack, gateway, user, device, autoAck);
const away = (user: string, ...devices: string[]) => registerAway(stack, user, ...devices);
const copies = (user: string) => copiesOf(stack, user);
const devicesOf = async (user: string) =>
  (await stack.sql('SELECT device FROM devices WHERE user_id = $1 ORDER BY 1', [user])).map(
    ({ device }) => device,
  );

const devicesThere = async (user: string) =>
  (await stack.sql('SELECT FROM sessions WHERE user_id = $1', [user])).length;

async function admin(...args: string[]): Promise<unknown> {
  const said = { out: '', err: '' };
  const env = { AMQP_URL: stack.amqpUrl, DATABASE_URL: stack.databaseUrl };
  const exit = await run([...args, '--json'], {
    env,
    out: (text) => (said.out += text),
    err: (text) => (said.err += text),
  });
  if (exit !== 0) throw new Error(said.err);
  return JSON.parse(said.out);
}

/** A transaction that holds what it has done until it is committed. */
async function transaction(...statements: string[]) {
  const client = new pg.Client({ connectionString: stack.databaseUrl });
  await client.connect();
  await client.query('BEGIN');
  for (const text of statements) await client.query(text);
  const commit = () => client.query('COMMIT');
  return { commit, [Symbol.asyncDispose]: () => client.end() };
}

/** Statements of the services that wait for a lock. */
const waiting = async (text: string) =>
  (
    await stack.sql(
      "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database() AND query LIKE $1",
      [`%${text}%`],
    )
  ).length;

describe('a full mailbox', () => {
  test('of one device: it is told what it missed; the message lives on elsewhere', async () => {
    await using alice = await connectAs(stack, one, 'alice-1');
    await away('bob-1', 'phone');
    const laptop = await synced('bob-1', 'laptop', two, true);
    for (const id of ['m0', 'm1', 'm2', 'm3', 'm4']) {
      alice.msg('bob-1', id);
      await alice.next('ack:N', { id, state: 'delivered' });
    }
    const phone = await synced('bob-1', 'phone');
    const page = await phone.pull();
    expect(idsOf(page.messages)).toEqual(['m0', 'm1', 'm2']);
    expect(page.missed).toMatchObject({ count: 2 });
    expect((await phone.pull()).missed).toEqual(page.missed);
    await phone.close();
    await until(
      async () => (await stack.sql('SELECT FROM sessions WHERE user_id = $1', ['bob-1'])).length === 1,
      {
        what: 'presence to forget it',
      },
    );
    alice.msg('bob-1', 'm5');
    await alice.next('ack:N', { id: 'm5', state: 'delivered' });
    await using again = await synced('bob-1', 'phone');
    expect((await again.pull()).missed).toEqual(page.missed);
    again.send({ type: 'offline:A', keys: [page.missed?.key ?? ''] });
    const { missed } = await again.pull();
    expect(missed).toMatchObject({ count: 1 });
    expect(missed?.key).not.toBe(page.missed?.key);
    expect(await emptyMailbox(again)).toMatchObject({ missed: 1 });
    expect((await again.pull()).missed).toBeUndefined();
    await laptop.close();
  });

  test('of all devices: `rejected`, and nobody missed anything', async () => {
    await using alice = await connectAs(stack, one, 'alice-2');
    await away('bob-2', 'phone', 'laptop');
    for (const id of ['m0', 'm1', 'm2']) {
      alice.msg('bob-2', id);
      await alice.next('ack:N', { id, state: 'stored' });
    }
    alice.msg('bob-2', 'm3');
    await alice.next('ack:N', { id: 'm3', state: 'rejected', reason: 'mailbox_full' });
    await using phone = await synced('bob-2', 'phone');
    const page = await phone.pull();
    expect(idsOf(page.messages)).toEqual(['m0', 'm1', 'm2']);
    expect(page.missed).toBeUndefined();
  });

  test('of all but one that is connected and does not answer: `rejected` when its copy finds no room either', async () => {
    await using alice = await connectAs(stack, one, 'alice-3');
    await away('bob-3', 'phone');
    for (const id of ['m0', 'm1', 'm2']) {
      alice.msg('bob-3', id);
      await alice.next('ack:N', { id, state: 'stored' });
    }
    const phone = await synced('bob-3', 'phone', two);
    alice.msg('bob-3', 'm3');
    await phone.next('msg:N', { id: 'm3' });
    await phone.close();
    await alice.next('ack:N', { id: 'm3', state: 'rejected', reason: 'mailbox_full' });
  });
});

test('a device that lost the hint to what it missed gets another one', async () => {
  await using phone = await synced('bob-19', 'phone');
  await phone.pull();
  await stack.sql("INSERT INTO device_missed (recipient, device, count) VALUES ('bob-19', 'phone', 2)");
  await phone.next('offline:N', isHint);
  expect(await emptyMailbox(phone)).toMatchObject({ missed: 2 });
});

describe('a device that is one no longer', () => {
  test('logs out: its copies go; a message whose last copy goes so is rejected', async () => {
    await using alice = await connectAs(stack, one, 'alice-4');
    await away('bob-4', 'phone', 'laptop');
    alice.msg('bob-4', 'shared');
    await alice.next('ack:N', { id: 'shared', state: 'stored' });
    await using phone = await synced('bob-4', 'phone');
    phone.send({ type: 'logout:R' });
    await phone.next('logout:A');
    expect(await phone.closed).toMatchObject({ code: 1000 });
    expect(await copies('bob-4')).toEqual(['laptop shared']);
    expect(await devicesOf('bob-4')).toEqual(['laptop']);
    await using laptop = await synced('bob-4', 'laptop', two);
    laptop.send({ type: 'logout:R' });
    expect(await laptop.closed).toMatchObject({ code: 1000 });
    await alice.next('offline:N', isHint);
    const { receipts } = await emptyMailbox(alice);
    expect(receipts).toMatchObject([{ id: 'shared', state: 'rejected', reason: 'expired' }]);
    expect(await copies('bob-4')).toEqual([]);
    // A user like any other now.
    alice.msg('bob-4', 'plain');
    await alice.next('ack:N', { id: 'plain', state: 'stored' });
    await using again = await connectAs(stack, one, 'bob-4', { device: 'phone' });
    expect(again.all('login:A')[0]?.sync).toBeUndefined();
    expect(idsOf((await emptyMailbox(again)).messages)).toEqual(['plain']);
    again.send({ type: 'logout:R' });
    await again.next('error', { code: 'bad_packet' });
  });

  test('confirmed before it logs out, nothing is rejected', async () => {
    await using alice = await connectAs(stack, one, 'alice-5');
    await away('bob-5', 'phone');
    alice.msg('bob-5', 'x');
    await alice.next('ack:N', { id: 'x', state: 'stored' });
    await using phone = await synced('bob-5', 'phone');
    const { messages } = await phone.pull();
    phone.send({ type: 'offline:A', keys: messages.map(({ key }) => key) });
    phone.send({ type: 'logout:R' });
    await phone.closed;
    await alice.next('offline:N', isHint);
    expect(await statesOf(alice, 'x')).toEqual(['stored', 'delivered']);
  });

  test('was not seen for DEVICE_DAYS; one that has a session stays', async () => {
    await using alice = await connectAs(stack, one, 'alice-6');
    await away('bob-6', 'phone');
    await using laptop = await synced('bob-6', 'laptop', two, true);
    alice.msg('bob-6', 'x');
    await alice.next('ack:N', { id: 'x', state: 'delivered' });
    expect(await copies('bob-6')).toEqual(['phone x']);
    await stack.sql("UPDATE devices SET last_seen = now() - interval '30.5 days' WHERE user_id = 'bob-6'");
    await until(
      async () =>
        (
          await stack.sql(
            "SELECT FROM devices WHERE device = 'laptop' AND last_seen > now() - interval '1 h'",
          )
        ).length > 0,
      { what: 'the laptop to be seen' },
    );
    expect(await devicesOf('bob-6')).toEqual(['laptop', 'phone']);
    await stack.sql("UPDATE devices SET last_seen = now() - interval '31.5 days' WHERE user_id = 'bob-6'");
    await until(async () => (await devicesOf('bob-6')).length === 1, { what: 'the phone to be removed' });
    expect(await devicesOf('bob-6')).toEqual(['laptop']);
    await until(async () => (await copies('bob-6')).length === 0, { what: 'its copies to go after it' });
    expect(laptop.all('bye')).toEqual([]);
  });

  test('an operator removes it; a connected client is logged out', async () => {
    await using phone = await synced('bob-7', 'phone');
    await away('bob-8', 'phone');
    expect(await admin('devices', 'bob-7')).toMatchObject({ devices: [{ device: 'phone', messages: 0 }] });
    expect(await admin('remove-device', 'bob-7', 'phone')).toMatchObject({ removed: { device: 'phone' } });
    await phone.next('logout:A');
    expect(await phone.closed).toMatchObject({ code: 1000 });
    await expect(admin('remove-device', 'bob-7', 'phone')).rejects.toThrow('not_found');
    expect(await devicesOf('bob-8')).toEqual(['phone']);
  });
});

describe('a message whose time is over', () => {
  test('`ttl`: rejected if nobody confirmed it, else missed by those that had a copy', async () => {
    const missed = async () => {
      const [routing] = stack.routing as [ServiceHandle];
      const metrics = await stack.metrics(routing);
      return metrics.value('sixfold_missed_total', { reason: 'expired' });
    };
    const before = await missed();
    await using alice = await connectAs(stack, one, 'alice-9');
    await away('bob-9', 'phone');
    alice.send({ type: 'msg:R', id: 'lost', to: 'bob-9', body: 1, ttl: 1 });
    await alice.next('ack:N', { id: 'lost', state: 'stored' });
    await using laptop = await synced('bob-9', 'laptop', two, true);
    alice.send({ type: 'msg:R', id: 'seen', to: 'bob-9', body: 1, ttl: 1 });
    await alice.next('ack:N', { id: 'seen', state: 'delivered' });
    await until(async () => (await copies('bob-9')).length === 0, { what: 'the sweep', timeoutMs: 60_000 });
    const { receipts } = await emptyMailbox(alice);
    expect(receipts).toMatchObject([{ id: 'lost', state: 'rejected', reason: 'expired' }]);
    await using phone = await synced('bob-9', 'phone');
    expect(await emptyMailbox(phone)).toMatchObject({ messages: [], missed: 1 });
    expect(idsOf(laptop.all('msg:N'))).toEqual(['seen']);
    await until(async () => (await missed()) === before + 1, { what: 'it to be counted' });
  });

  test('MAILBOX_RETENTION_DAYS: the same', async () => {
    await using alice = await connectAs(stack, one, 'alice-10');
    await away('bob-10', 'phone');
    alice.msg('bob-10', 'lost');
    await alice.next('ack:N', { id: 'lost', state: 'stored' });
    await stack.sql(
      "UPDATE device_messages SET stored_at = now() - interval '31 days' WHERE recipient = 'bob-10'",
    );
    await alice.next('offline:N', isHint);
    expect((await emptyMailbox(alice)).receipts).toMatchObject([
      { id: 'lost', state: 'rejected', reason: 'expired' },
    ]);
    expect(await copies('bob-10')).toEqual([]);
  });
});

describe('a gateway that is killed with copies in flight', () => {
  test('each copy is in the mailbox of its device; `stored` only if no other is out', async () => {
    const third = await stack.addGateway();
    await using alice = await connectAs(stack, one, 'alice-11');
    const phone = await synced('bob-11', 'phone', third);
    await using laptop = await synced('bob-11', 'laptop', two);
    const dave = await synced('dave-11', 'phone', third);
    const eve = await synced('dave-11', 'laptop', third);
    alice.msg(['bob-11', 'dave-11'], 'x');
    for (const device of [phone, laptop, dave, eve]) await device.next('msg:N', { id: 'x' });
    await third.kill();
    await alice.next('ack:N', { id: 'x', to: 'dave-11', state: 'stored' });
    await until(async () => (await copies('bob-11')).length === 1, { what: "the phone's copy" });
    expect(alice.all('ack:N', { to: 'bob-11' })).toEqual([]);
    ack(laptop, 'alice-11', 'x');
    await alice.next('ack:N', { id: 'x', to: 'bob-11', state: 'delivered' });
    expect((await copies('dave-11')).sort()).toEqual(['laptop x', 'phone x']);
    await using again = await synced('bob-11', 'phone');
    expect(idsOf((await emptyMailbox(again)).messages)).toEqual(['x']);
    for (const client of [phone, dave, eve]) await client.closed;
  });

  test('what another device had confirmed is known to be, so that the copy is missed and not rejected', async () => {
    const third = await stack.addGateway();
    await using alice = await connectAs(stack, one, 'alice-40');
    const phone = await synced('bob-40', 'phone', third);
    const laptop = await synced('bob-40', 'laptop', third);
    alice.msg('bob-40', 'x');
    for (const device of [phone, laptop]) await device.next('msg:N', { id: 'x' });
    ack(phone, 'alice-40', 'x');
    await alice.next('ack:N', { id: 'x', state: 'delivered' });
    await delay(10 * LINGER_MS); // the gateway acknowledges what needs not wait for the laptop
    await third.kill();
    await until(async () => (await copies('bob-40')).includes('laptop x'), { what: "the laptop's copy" });
    const rows = () => stack.sql("SELECT delivered FROM device_messages WHERE recipient = 'bob-40'");
    await until(async () => (await rows())[0]?.['delivered'] === true, { what: 'the row to know it' });
    for (const client of [phone, laptop]) await client.closed;
  });
});

test('a message without copies is deleted after a while, one with copies is not', async () => {
  await using alice = await connectAs(stack, one, 'alice-18');
  await away('bob-18', 'phone');
  alice.msg('bob-18', 'x');
  await alice.next('ack:N', { id: 'x', state: 'stored' });
  await using web = await connectAs(stack, two, 'carl-18', { device: 'web' });
  const laptop = await synced('carl-18', 'laptop', two, true);
  alice.msg('carl-18', 'y');
  await web.next('msg:N', { id: 'y' });
  await alice.next('ack:N', { id: 'y', state: 'delivered' });
  await web.close(); // its copy goes back, and is nobody's
  const rows = () => stack.sql("SELECT id FROM device_messages WHERE sender = 'alice-18' ORDER BY id");
  await until(async () => (await rows()).length === 2, { what: 'its return' });
  await stack.sql("UPDATE device_messages SET idle_at = now() - interval '1 h' WHERE sender = 'alice-18'");
  await until(async () => (await rows()).length === 1, { what: 'the sweep' });
  expect(await rows()).toEqual([{ id: 'x' }]);
  await laptop.close();
});

test('a message is sent again, live, after its first copy came back and found the mailbox full: it is not rejected', async () => {
  await using alice = await connectAs(stack, one, 'alice-23');
  await away('bob-23', 'phone', 'tablet');
  for (const id of ['m0', 'm1', 'm2']) {
    alice.msg('bob-23', id);
    await alice.next('ack:N', { id, state: 'stored' });
  }
  await using phone = await synced('bob-23', 'phone', two);
  const { messages } = await phone.pull();
  const [session] = await stack.sql("SELECT session FROM sessions WHERE user_id = 'bob-23'");
  await stack.sql(
    `INSERT INTO device_messages (recipient, sender, id, live, back, dropped, idle_at)
     VALUES ('bob-23', 'alice-23', 'x', $1, $1, '{phone,tablet}', now())`,
    [[session?.['session']]],
  );
  alice.msg('bob-23', 'x');
  await phone.next('msg:N', { id: 'x' });
  ack(phone, 'alice-23', 'x');
  await alice.next('ack:N', { id: 'x' });
  expect(alice.all('ack:N', { id: 'x' })).toMatchObject([{ state: 'delivered' }]);
  expect(messages).toHaveLength(3);
});

test('a message that is `stored` is sent again and confirmed live: its sender waits no more, so `delivered` comes through its mailbox', async () => {
  await using alice = await connectAs(stack, one, 'alice-41');
  await away('bob-41', 'phone');
  alice.msg('bob-41', 'x');
  await alice.next('ack:N', { id: 'x', state: 'stored' });
  await using desk = await connectAs(stack, two, 'bob-41', { device: 'desk' });
  alice.msg('bob-41', 'x');
  await desk.next('msg:N', { id: 'x' });
  ack(desk, 'alice-41', 'x');
  await alice.next('offline:N', isHint);
  expect(await statesOf(alice, 'x')).toEqual(['stored', 'delivered']);
});

test('a live copy that an instance of routing wrote down and never sent does not keep the sender from `stored`', async () => {
  await using alice = await connectAs(stack, one, 'alice-17');
  await away('bob-17', 'phone');
  await stack.sql(
    `INSERT INTO device_messages (recipient, sender, id, body, at, live) VALUES ('bob-17', 'alice-17', 'x', '1', 1, '{gone}')`,
  );
  alice.msg('bob-17', 'x');
  await alice.next('ack:N', { id: 'x', state: 'stored' });
  await using phone = await synced('bob-17', 'phone');
  expect((await emptyMailbox(phone)).messages).toMatchObject([{ id: 'x', at: 1 }]); // the first `at` stays
  await alice.next('offline:N', isHint);
  expect(await statesOf(alice, 'x')).toEqual(['stored', 'delivered']);
});

describe('at the same moment', () => {
  test('a mailbox is full, and has room when its sender can be told: no device hears of a rejection', async () => {
    await away('bob-22', 'phone');
    await away('alice-22', 'tablet');
    await using alice = await synced('alice-22', 'phone');
    for (const id of ['m0', 'm1', 'm2']) {
      alice.msg('bob-22', id);
      await alice.next('ack:N', { id, state: 'stored' });
    }
    await using locked = await transaction('LOCK TABLE device_receipts IN ACCESS EXCLUSIVE MODE');
    alice.msg('bob-22', 'x');
    // Of a statement pg_stat_activity shows the beginning: it stores for users, then for devices.
    const storing = 'INSERT INTO offline_receipts';
    await until(async () => (await waiting(storing)) > 0, { what: 'the receipt to wait' });
    await stack.sql("DELETE FROM device_copies WHERE recipient = 'bob-22' AND id = 'm0'");
    await stack.sql(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database() AND query LIKE '%${storing}%'`,
    );
    await locked.commit();
    await alice.next('ack:N', { id: 'x', state: 'stored' });
    expect(alice.all('ack:N', { id: 'x' }).map(({ state }) => state)).not.toContain('rejected');
    await using tablet = await synced('alice-22', 'tablet');
    expect(await statesOf(tablet, 'x')).toEqual(['stored']);
  });

  test('a device is removed while a copy is being stored for it: nothing is left of it, and the sender is told', async () => {
    await using alice = await connectAs(stack, one, 'alice-12');
    await away('bob-12', 'phone');
    await using storing = await transaction(
      "SELECT FROM devices WHERE user_id = 'bob-12' FOR KEY SHARE",
      `INSERT INTO device_messages (recipient, sender, id, body, at) VALUES ('bob-12', 'alice-12', 'x', '1', 1)`,
      `INSERT INTO device_copies (recipient, device, sender, id) VALUES ('bob-12', 'phone', 'alice-12', 'x')`,
    );
    const removed = admin('remove-device', 'bob-12', 'phone');
    await until(async () => (await waiting('DELETE FROM devices')) > 0, { what: 'the removal to wait' });
    await storing.commit();
    await removed;
    await alice.next('offline:N', isHint);
    expect(await copies('bob-12')).toEqual([]);
    expect((await emptyMailbox(alice)).receipts).toMatchObject([{ id: 'x', state: 'rejected' }]);
  });

  test('a copy is to be stored for a device that is being removed: it goes to the mailbox of the user', async () => {
    await using alice = await connectAs(stack, one, 'alice-13');
    await away('bob-13', 'phone');
    await using removing = await transaction("DELETE FROM devices WHERE user_id = 'bob-13'");
    alice.msg('bob-13', 'x');
    await until(async () => (await waiting('all_but')) > 0, { what: 'the copy to wait' });
    await removing.commit();
    await alice.next('ack:N', { id: 'x', state: 'stored' });
    await using bob = await connectAs(stack, one, 'bob-13');
    expect(idsOf((await emptyMailbox(bob)).messages)).toEqual(['x']);
  });

  describe('a device is removed: of a message without copies no row stays, and its sender learns the truth', () => {
    const forgetSoon = (user: string, device: string) =>
      stack.sql(
        "UPDATE devices SET last_seen = now() - interval '32 days' WHERE user_id = $1 AND device = $2",
        [user, device],
      );
    /** Statements that delete copies wait here, and see what there is now. */
    const hold = (user: string) =>
      transaction(`SELECT FROM device_copies WHERE recipient = '${user}' FOR UPDATE`);
    const untilWaiting = (count: number) =>
      until(async () => (await waiting('DELETE FROM device_copies')) === count, { what: 'them to wait' });
    const untilDecided = async (user: string, state: string) => {
      await until(async () => (await copies(user)).length === 0, { what: 'the copies to be gone' });
      const rows = () =>
        stack.sql('SELECT idle_at IS NULL AS stays FROM device_messages WHERE recipient = $1', [user]);
      await until(async () => (await rows()).every(({ stays }) => stays === false), {
        what: 'no row to stay',
      });
      const told = () =>
        stack.sql('SELECT state FROM offline_receipts WHERE peer = $1 AND id = $2', [user, 'x']);
      await until(async () => (await told())[0]?.['state'] === state, { what: `it to be ${state}` });
    };

    test('while another one is', async () => {
      await using alice = await connectAs(stack, one, 'alice-25');
      await away('bob-25', 'laptop', 'phone');
      alice.msg('bob-25', 'x');
      await alice.next('ack:N', { id: 'x', state: 'stored' });
      await using phone = await synced('bob-25', 'phone');
      await using held = await hold('bob-25');
      phone.send({ type: 'logout:R' });
      await forgetSoon('bob-25', 'laptop');
      await untilWaiting(2);
      await held.commit();
      await untilDecided('bob-25', 'rejected');
    });

    test('while another one confirms its copy', async () => {
      await using alice = await connectAs(stack, one, 'alice-26');
      await away('bob-26', 'laptop', 'phone');
      alice.msg('bob-26', 'x');
      await alice.next('ack:N', { id: 'x', state: 'stored' });
      await using phone = await synced('bob-26', 'phone');
      const { messages } = await phone.pull();
      await using held = await hold('bob-26');
      phone.send({ type: 'offline:A', keys: messages.map(({ key }) => key) });
      await forgetSoon('bob-26', 'laptop');
      await untilWaiting(2);
      await held.commit();
      await untilDecided('bob-26', 'delivered');
    });

    test('while the message is sent again, and the other device has no room for it', async () => {
      await using alice = await connectAs(stack, one, 'alice-27');
      await away('bob-27', 'laptop');
      const phone = await synced('bob-27', 'phone', two, true);
      for (const id of ['m0', 'm1', 'm2']) {
        alice.msg('bob-27', id);
        await alice.next('ack:N', { id, state: 'delivered' });
      }
      await phone.close();
      await until(async () => (await devicesThere('bob-27')) === 0, { what: 'presence to forget it' });
      alice.msg('bob-27', 'x');
      await alice.next('ack:N', { id: 'x', state: 'stored' });
      await using held = await transaction(
        "SELECT FROM device_copies WHERE recipient = 'bob-27' AND device = 'phone' FOR UPDATE",
      );
      await forgetSoon('bob-27', 'phone');
      await untilWaiting(1);
      alice.msg('bob-27', 'x');
      await until(() => alice.all('ack:N', { id: 'x' }).length === 2, { what: 'the second answer' });
      await held.commit();
      await until(async () => (await copies('bob-27')).every((one) => one.startsWith('laptop m')), {
        what: 'its last copy to be gone',
      });
      await alice.next('offline:N', isHint);
      expect((await emptyMailbox(alice)).receipts).toMatchObject([{ id: 'x', state: 'rejected' }]);
      expect(
        await stack.sql(
          "SELECT idle_at IS NULL AS stays FROM device_messages WHERE id = 'x' AND recipient = 'bob-27'",
        ),
      ).toEqual([{ stays: false }]);
    });
  });

  test('the last copy is confirmed while another device settles the message: its row does not stay', async () => {
    await using alice = await connectAs(stack, one, 'alice-20');
    await away('bob-20', 'phone');
    alice.msg('bob-20', 'x');
    await alice.next('ack:N', { id: 'x', state: 'stored' });
    await using phone = await synced('bob-20', 'phone');
    const { messages } = await phone.pull();
    await using settling = await transaction(
      "UPDATE device_messages SET delivered = true WHERE recipient = 'bob-20'",
    );
    phone.send({ type: 'offline:A', keys: messages.map(({ key }) => key) });
    await until(async () => (await waiting('DELETE FROM device_copies')) > 0, { what: 'it to wait' });
    await settling.commit();
    await until(async () => (await copies('bob-20')).length === 0, { what: 'the confirmation' });
    expect(
      await stack.sql(
        "SELECT body, idle_at IS NULL AS stays FROM device_messages WHERE recipient = 'bob-20'",
      ),
    ).toEqual([{ body: null, stays: false }]);
  });

  test('the last copy is confirmed while the message comes back once more: its row does not stay', async () => {
    await using alice = await connectAs(stack, one, 'alice-24');
    await away('bob-24', 'phone');
    alice.msg('bob-24', 'x');
    await alice.next('ack:N', { id: 'x', state: 'stored' });
    await using confirming = await transaction(
      "DELETE FROM device_copies WHERE recipient = 'bob-24'",
      "UPDATE device_messages SET delivered = true, body = NULL, idle_at = now() WHERE recipient = 'bob-24'",
    );
    alice.msg('bob-24', 'x');
    await until(async () => (await waiting('all_but')) > 0, { what: 'it to wait' });
    await confirming.commit();
    const stays =
      "SELECT FROM device_messages WHERE recipient = 'bob-24' AND revision > 0 AND idle_at IS NULL";
    await until(
      async () =>
        (await stack.sql("SELECT FROM device_messages WHERE recipient = 'bob-24' AND revision > 0")).length >
        0,
      { what: 'it to be stored' },
    );
    expect(await stack.sql(stays)).toEqual([]);
  });

  test('a device logs in while a message is being routed: what is routed after its login:A reaches it', async () => {
    await using alice = await connectAs(stack, one, 'alice-14');
    await away('bob-14', 'phone');
    await using locked = await transaction('LOCK TABLE devices IN ACCESS EXCLUSIVE MODE');
    alice.msg('bob-14', 'before');
    await alice.next('msg:A', { id: 'before' });
    await until(async () => (await waiting('devices')) > 0, { what: 'the message to wait' });
    const login = synced('bob-14', 'laptop', two);
    await until(async () => (await waiting('devices')) > 0, { what: 'it to wait' });
    await locked.commit();
    await using laptop = await login;
    alice.msg('bob-14', 'after');
    await laptop.next('msg:N', { id: 'after' });
    await using phone = await synced('bob-14', 'phone');
    expect(idsOf((await emptyMailbox(phone)).messages)).toEqual(['before', 'after']);
  });

  test('the first device of a user logs in while a message is being routed: it finds it', async () => {
    await using alice = await connectAs(stack, one, 'alice-15');
    await using locked = await transaction('LOCK TABLE devices IN ACCESS EXCLUSIVE MODE');
    alice.msg('bob-15', 'x');
    await alice.next('msg:A', { id: 'x' });
    const login = synced('bob-15', 'phone', two);
    await until(async () => (await waiting('devices')) > 0, { what: 'routing to wait' });
    await locked.commit();
    await using phone = await login;
    await until(
      async () => [...phone.all('msg:N'), ...(await phone.pull()).messages].some(({ id }) => id === 'x'),
      { what: 'the message' },
    );
  });

  test('two logins of one device: one has it, the other is replaced, and it is one device', async () => {
    const logins = await Promise.all(
      [one, two].map(async (gateway) => {
        const client = await connectRaw(gateway.url, {
          token: await stack.token('bob-16'),
          device: 'd',
          sync: true,
        });
        void client.login().catch(() => undefined);
        return client;
      }),
    );
    await until(() => logins.filter(({ bye }) => bye?.reason === 'replaced').length === 1, {
      what: 'one to be replaced',
    });
    expect(await devicesOf('bob-16')).toEqual(['d']);
    const left = logins.find(({ bye }) => bye === undefined);
    await using alice = await connectAs(stack, one, 'alice-16');
    alice.msg('bob-16', 'x');
    await left?.next('msg:N', { id: 'x' });
    for (const client of logins) await client.close();
  });
});
