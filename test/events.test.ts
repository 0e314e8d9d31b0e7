import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { partitionOf, routeQueue } from '#libs/broker/topology.ts';
import { type Event, EVENT_TYPES, eventId } from '#libs/events/event.ts';
import { PREFETCH } from '../services/routing/config.ts';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { EventLog } from './harness/event-log.ts';
import { http } from './harness/http.ts';
import { emptyMailbox } from './harness/mailbox.ts';
import { publishTo, withChannel } from './harness/queues.ts';
import { connectAs, type RawClient } from './harness/raw-client.ts';
import { serviceToken } from './harness/service-token.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { connectDevice, registerAway } from './harness/synced.ts';
import { until } from './harness/wait.ts';

/** What back ends hear of: each state of each message and session, at least once, and nothing that did not happen. */

const LEASE_MS = 3_000;
const QUOTA = 3;
const ENV = {
  EVENTS: EVENT_TYPES.join(','),
  GATEWAY_LEASE_MS: String(LEASE_MS),
  MAILBOX_QUOTA: String(QUOTA),
  RETENTION_SWEEP_MS: '300',
  AMQP_HEARTBEAT_S: '1',
};

let stack: Stack;
let log: EventLog;
let one: ServiceHandle;
let two: ServiceHandle;

beforeAll(async () => {
  stack = await startStack({ env: ENV });
  [one, two] = stack.gateways as [ServiceHandle, ServiceHandle];
  log = await EventLog.open(stack);
});

afterAll(async () => {
  await log[Symbol.asyncDispose]();
  await stack.stop();
});

/** Clients that a test only needs to be there. */
const clients: RawClient[] = [];
const present = (client: RawClient) => clients.push(client);

afterEach(async () => {
  for (const client of clients.splice(0)) await client.terminate();
});

let users = 0;
/** A user that no other test knows. */
const someone = (name: string) => `${name}-${++users}`;

const typesOf = (events: readonly Event[]) => events.map(({ type }) => type);
/** Types of the events of a message, each once, in order. */
const historyOf = (id: string, from: string) => [...new Set(typesOf(log.all({ id, from })))];

/** What is published later comes later: everything before it has come. */
async function settled(): Promise<void> {
  const marker = someone('marker');
  await using alice = await connectAs(stack, one, marker);
  alice.msg(marker, 'live');
  alice.send({ type: 'ack:R', id: (await alice.next('msg:N', { id: 'live' })).id, from: marker });
  await log.next({ type: 'message.delivered', from: marker });
  const away = someone('away');
  alice.msg(away, 'stored');
  await log.next({ type: 'message.stored', from: marker });
  await using bob = await connectAs(stack, two, away);
  await emptyMailbox(bob);
  await log.next({ type: 'message.delivered', id: 'stored', from: marker });
}

async function rows(table: string): Promise<number> {
  return (await stack.sql(`SELECT FROM ${table}`)).length;
}

describe('a message', () => {
  test('that is delivered at once: exactly these fields, in AMQP messages as PROTOCOL says', async () => {
    const [from, to] = [someone('alice'), someone('bob')];
    await using alice = await connectAs(stack, one, from);
    await using bob = await connectAs(stack, two, to, { autoAck: true });
    alice.send({ type: 'msg:R', id: 'm', to, body: 'secret', thread: 'team', read: true });
    const { at } = await alice.next('msg:A', { id: 'm' });
    const receipt = await alice.next('ack:N', { id: 'm', state: 'delivered' });
    const { read } = await bob.next('msg:N', { id: 'm' });
    bob.send({ type: 'read:R', items: [{ from, id: 'm', read: read ?? '' }] });
    await log.next({ type: 'message.read', from });
    const common = { from, id: 'm', to };
    const event = (type: string) => ({ type, event: eventId(type, from, 'm', to), ...common });
    expect(log.all({ from, id: 'm' })).toEqual([
      { ...event('message.accepted'), at, thread: 'team' },
      { ...event('message.delivered'), at: receipt.at, thread: 'team' },
      { ...event('message.read'), at: expect.any(Number) as number },
    ]);
    for (const { content, fields, properties } of log.messages) {
      const events = JSON.parse(content.toString()) as Event[];
      expect(new Set(typesOf(events))).toEqual(new Set([fields.routingKey]));
      expect(properties).toMatchObject({ contentType: 'application/json', deliveryMode: 2 });
      expect(properties.timestamp).toBeGreaterThan(Date.now() / 1_000 - 600);
      expect(content.toString()).not.toContain('secret');
    }
  });

  test('that waits in the mailbox; sent again it keeps its event and its first at', async () => {
    const [from, to] = [someone('alice'), someone('bob')];
    await using alice = await connectAs(stack, one, from);
    const message = { type: 'msg:R', id: 'm', to, body: 1, thread: 'team' } as const;
    alice.send(message);
    const { at } = await alice.next('msg:A', { id: 'm' });
    const stored = await alice.next('ack:N', { id: 'm', state: 'stored' });
    await log.next({ type: 'message.stored', from });
    alice.send(message);
    await log.count({ type: 'message.stored', from }, 2);
    await log.count({ type: 'message.accepted', from }, 2);
    const common = { from, id: 'm', to, thread: 'team' };
    const accepted = { type: 'message.accepted', event: eventId('message.accepted', from, 'm', to) };
    const kept = { type: 'message.stored', event: eventId('message.stored', from, 'm', to) };
    expect(log.all({ type: 'message.accepted', from })).toEqual(
      Array(2).fill({ ...accepted, ...common, at }),
    );
    expect(log.all({ type: 'message.stored', from })).toEqual(
      Array(2).fill({ ...kept, ...common, at: stored.at }),
    );
    await using bob = await connectAs(stack, two, to);
    await emptyMailbox(bob);
    const delivered = { type: 'message.delivered', event: eventId('message.delivered', from, 'm', to) };
    expect(await log.next({ type: 'message.delivered', from })).toEqual({
      ...delivered,
      ...common,
      at: expect.any(Number) as number,
    });
    await settled();
    expect(log.all({ type: 'message.delivered', from })).toHaveLength(1);
    expect(log.all({ type: 'message.rejected', from })).toEqual([]);
  });

  test('to several receivers: an event for each', async () => {
    const [from, here, away] = [someone('alice'), someone('here'), someone('away')];
    await using alice = await connectAs(stack, one, from);
    present(await connectAs(stack, two, here, { autoAck: true }));
    alice.msg([here, away], 'm');
    await log.count({ type: 'message.accepted', from }, 2);
    await log.next({ type: 'message.delivered', from, to: here });
    await log.next({ type: 'message.stored', from, to: away });
    expect(new Set(log.all({ from }).map(({ event }) => event)).size).toBe(4);
  });

  test('that goes to two sessions of its receiver and comes back from one: delivered', async () => {
    const [from, to] = [someone('alice'), someone('bob')];
    await using alice = await connectAs(stack, one, from);
    await using phone = await connectAs(stack, one, to, { device: 'phone' });
    const laptop = await connectAs(stack, two, to, { device: 'laptop' });
    alice.msg(to, 'm');
    await Promise.all([phone.next('msg:N'), laptop.next('msg:N')]);
    await laptop.terminate();
    await log.next({ type: 'message.stored', from });
    phone.send({ type: 'ack:R', id: 'm', from });
    await log.next({ type: 'message.delivered', from });
    await settled();
    expect(log.all({ type: 'message.delivered', from })).toHaveLength(1);
    expect(log.all({ type: 'message.accepted', from })).toHaveLength(1);
    expect(log.all({ type: 'message.rejected', from })).toEqual([]);
  });

  test('for a full mailbox: rejected, mailbox_full, and nothing else', async () => {
    const [from, to] = [someone('alice'), someone('bob')];
    await using alice = await connectAs(stack, one, from);
    for (let n = 0; n < QUOTA; n++) alice.msg(to, `m${n}`);
    await log.count({ type: 'message.stored', from }, QUOTA);
    alice.send({ type: 'msg:R', id: 'full', to, body: 1, thread: 'team' });
    const { at } = await alice.next('ack:N', { id: 'full', state: 'rejected' });
    const type = 'message.rejected';
    expect(await log.next({ type, from })).toEqual({
      ...{ type, event: eventId(type, from, 'full', to) },
      ...{ from, id: 'full', to, at, thread: 'team', reason: 'mailbox_full' },
    });
    expect(historyOf('full', from)).toEqual(['message.accepted', 'message.rejected']);
  });
});

describe('a message that expires is rejected, expired', () => {
  const rejection = (from: string, id: string, to: string) => {
    const type = 'message.rejected';
    const fields = { from, id, to, at: expect.any(Number) as number, reason: 'expired' };
    return { type, event: eventId(type, from, id, to), ...fields };
  };

  test('by its own time, in the mailbox of a user or of synced devices', async () => {
    const [from, to, synced] = [someone('alice'), someone('bob'), someone('synced')];
    await registerAway(stack, synced, 'phone', 'laptop');
    await using alice = await connectAs(stack, one, from);
    alice.send({ type: 'msg:R', id: 'm', to: [to, synced], body: 1, ttl: 1, thread: 'team' });
    for (const user of [to, synced]) {
      await log.next({ type: 'message.stored', from, to: user });
      expect(await log.next({ type: 'message.rejected', from, to: user }, 60_000)).toEqual({
        ...rejection(from, 'm', user),
        thread: 'team',
      });
    }
    await settled();
    expect(log.all({ type: 'message.rejected', from })).toHaveLength(2);
  });

  test('by the retention, in the mailbox of a user or of synced devices', async () => {
    const [from, to, synced] = [someone('alice'), someone('bob'), someone('synced')];
    await registerAway(stack, synced, 'phone');
    await using alice = await connectAs(stack, one, from);
    alice.msg([to, synced], 'm');
    for (const user of [to, synced]) await log.next({ type: 'message.stored', from, to: user });
    for (const table of ['offline_messages', 'device_messages'])
      await stack.sql(`UPDATE ${table} SET stored_at = now() - interval '40 days' WHERE sender = $1`, [from]);
    for (const user of [to, synced])
      expect(await log.next({ type: 'message.rejected', from, to: user })).toEqual(
        rejection(from, 'm', user),
      );
  });

  test('but not the copy that an heir stored of what its sender knows to be delivered', async () => {
    const [from, to, synced] = [someone('alice'), someone('bob'), someone('synced')];
    await registerAway(stack, synced, 'phone', 'laptop');
    await using alice = await connectAs(stack, one, from);
    alice.msg([to, synced], 'm');
    for (const user of [to, synced]) {
      await log.next({ type: 'message.stored', from, to: user });
      await using client = await connectAs(stack, two, user, user === synced ? { device: 'phone' } : {});
      await emptyMailbox(client);
      await log.next({ type: 'message.delivered', from, to: user });
    }
    await stack.sql(
      `INSERT INTO offline_messages (recipient, sender, id, body, at, stored_at)
       VALUES ($1, $2, 'm', '1', 1, now() - interval '40 days')`,
      [to, from],
    );
    await stack.sql("UPDATE device_messages SET stored_at = now() - interval '40 days' WHERE sender = $1", [
      from,
    ]);
    for (const table of ['offline_messages', 'device_messages'])
      await until(
        async () => (await stack.sql(`SELECT FROM ${table} WHERE sender = $1`, [from])).length === 0,
        { what: `its row in ${table} to expire` },
      );
    alice.msg(someone('marker'), 'marker');
    await log.next({ type: 'message.stored', from, id: 'marker' });
    await settled();
    expect(log.all({ type: 'message.rejected', from })).toEqual([]);
  });

  test('also where its sender is erased; but an erasure does not reject the copy of what was delivered', async () => {
    const [from, to, erased] = [someone('alice'), someone('bob'), someone('erased')];
    const token = await serviceToken(stack, ['admin']);
    const erase = async (user: string) =>
      expect((await http(one, 'DELETE', `/users/${user}`, { token })).status).toBe(204);
    await using alice = await connectAs(stack, one, from);
    alice.msg([to, erased], 'm');
    for (const user of [to, erased]) await log.next({ type: 'message.stored', from, to: user });
    await stack.sql(
      `INSERT INTO offline_receipts (recipient, id, peer, state, at) VALUES ($1, 'm', $2, 'delivered', 1)
       ON CONFLICT DO NOTHING`,
      [from, erased],
    );
    await erase(erased);
    expect(await stack.sql('SELECT FROM event_outbox WHERE fields::text LIKE $1', [`%${erased}%`])).toEqual(
      [],
    );
    await erase(from);
    await stack.sql("UPDATE offline_messages SET stored_at = now() - interval '40 days' WHERE sender = $1", [
      from,
    ]);
    expect(await log.next({ type: 'message.rejected', from })).toEqual(rejection(from, 'm', to));
    await settled();
    expect(log.all({ type: 'message.rejected', from })).toHaveLength(1);
  });

  test('on its way to routing, and says that it was accepted', async () => {
    const [from, to] = [someone('alice'), someone('bob')];
    await using alice = await connectAs(stack, one, from);
    const [routing] = stack.routing as [ServiceHandle];
    await routing.kill('SIGKILL');
    alice.send({ type: 'msg:R', id: 'm', to, body: 1, ttl: 1 });
    const { at } = await alice.next('msg:A', { id: 'm' });
    await until(() => Date.now() > at + 1_500, { what: 'its time to be over' });
    await routing.restart();
    expect(await log.next({ type: 'message.rejected', from })).toEqual(rejection(from, 'm', to));
    expect(await log.next({ type: 'message.accepted', from })).toMatchObject({ at });
    expect(log.all({ type: 'message.stored', from })).toEqual([]);
  });

  test('with the device that it was for', async () => {
    const [from, to] = [someone('alice'), someone('bob')];
    await registerAway(stack, to, 'phone', 'laptop');
    await using alice = await connectAs(stack, one, from);
    for (const id of ['m', 'n']) alice.msg(to, id);
    await log.count({ type: 'message.stored', from }, 2);
    for (const device of ['phone', 'laptop']) {
      await using client = await connectDevice(stack, two, to, device);
      if (device === 'phone') {
        const { messages } = await client.pull();
        const [first] = messages;
        client.send({ type: 'offline:A', keys: [first?.key ?? ''] });
        await log.next({ type: 'message.delivered', from, id: 'm' });
      }
      client.send({ type: 'logout:R' });
      await client.next('logout:A');
    }
    expect(await log.next({ type: 'message.rejected', from })).toEqual(rejection(from, 'n', to));
    await settled();
    expect(log.all({ type: 'message.rejected', from })).toHaveLength(1); // not what was delivered
  });
});

describe('of a user with synced devices', () => {
  test('the first confirmation is the only one that counts, also where all were away', async () => {
    const [from, to] = [someone('alice'), someone('bob')];
    await registerAway(stack, to, 'phone', 'laptop');
    await using alice = await connectAs(stack, one, from);
    alice.send({ type: 'msg:R', id: 'm', to, body: 1, thread: 'team' });
    const { at } = await alice.next('msg:A', { id: 'm' });
    await log.next({ type: 'message.stored', from });
    for (const device of ['phone', 'laptop']) {
      await using client = await connectDevice(stack, two, to, device);
      await emptyMailbox(client);
      expect(await log.next({ type: 'message.delivered', from })).toMatchObject({ to, thread: 'team' });
      await until(
        async () =>
          (await stack.sql('SELECT FROM device_copies WHERE device = $1 AND recipient = $2', [device, to]))
            .length === 0,
        { what: 'its copy to be gone' },
      );
    }
    await settled();
    expect(typesOf(log.all({ from })).sort()).toEqual([
      'message.accepted',
      'message.delivered',
      'message.stored',
    ]);
    expect(log.all({ type: 'message.accepted', from })[0]).toMatchObject({ at });
  });

  test('one device is there and one away: accepted and delivered; what is sent has no events but its own', async () => {
    const [from, to] = [someone('alice'), someone('bob')];
    await registerAway(stack, to, 'laptop');
    await registerAway(stack, from, 'tablet');
    await using alice = await connectDevice(stack, one, from, 'phone');
    present(await connectDevice(stack, two, to, 'phone', true));
    alice.msg(to, 'm');
    await log.next({ type: 'message.delivered', from });
    await using tablet = await connectDevice(stack, two, from, 'tablet');
    expect((await emptyMailbox(tablet)).messages).toMatchObject([{ id: 'm', to }]);
    await settled();
    expect(
      log
        .all({ id: 'm', from })
        .map(({ type }) => type)
        .sort(),
    ).toEqual(['message.accepted', 'message.delivered']);
  });
});

describe('a session', () => {
  const sessions = (user: string) => log.all({ user });

  test('comes up and goes down: exactly these fields', async () => {
    const user = someone('alice');
    const client = await connectAs(stack, one, user, { device: 'phone' });
    const up = await log.next({ type: 'session.up', user });
    const fields = {
      user,
      device: 'phone',
      event: expect.any(String) as string,
      at: expect.any(Number) as number,
    };
    expect(up).toEqual({ type: 'session.up', ...fields });
    await client.close();
    const down = await log.next({ type: 'session.down', user });
    expect(down).toEqual({ type: 'session.down', ...fields });
    expect(down.event).not.toBe(up.event);
    expect(down.at).toBeGreaterThan(up.at);
  });

  test('is replaced: the old one goes down before the new one comes up', async () => {
    const user = someone('alice');
    const old = await connectAs(stack, one, user);
    await log.next({ type: 'session.up', user });
    present(await connectAs(stack, two, user));
    await old.next('bye', { reason: 'replaced' });
    await log.count({ type: 'session.up', user }, 2);
    await log.next({ type: 'session.down', user });
    await settled();
    const inTime = sessions(user).sort((a, b) => a.at - b.at);
    expect(typesOf(inTime)).toEqual(['session.up', 'session.down', 'session.up']);
    const [, down, up] = inTime.map(({ at }) => at);
    expect((up ?? 0) - (down ?? 0)).toBe(1); // one moment for both, on a slow machine, too
    expect(new Set(inTime.map(({ event }) => event)).size).toBe(3);
  });

  test('of a device that logs out', async () => {
    const user = someone('alice');
    await using client = await connectDevice(stack, one, user, 'phone');
    client.send({ type: 'logout:R' });
    await client.next('logout:A');
    await log.next({ type: 'session.down', user });
    expect(typesOf(sessions(user))).toEqual(['session.up', 'session.down']);
  });

  test('that was refused has none', async () => {
    const user = someone('alice');
    await registerAway(stack, user, ...Array.from({ length: 10 }, (_, n) => `d${n}`));
    await log.count({ type: 'session.down', user }, 10);
    const refused = connectDevice(stack, one, user, 'one-too-many');
    await expect(refused).rejects.toThrow(/4403/);
    await settled();
    expect(sessions(user).filter((event) => 'device' in event && event.device === 'one-too-many')).toEqual(
      [],
    );
  });

  test('of a gateway that was killed goes down; of one that hung it comes up again, another fact', async () => {
    const user = someone('alice');
    const three = await stack.addGateway();
    present(await connectAs(stack, three, user, { device: 'phone' }));
    await log.next({ type: 'session.up', user });
    await three.kill('SIGKILL');
    await log.next({ type: 'session.down', user });
    const four = await stack.addGateway();
    present(await connectAs(stack, four, user, { device: 'laptop' }));
    const up = await log.next({ type: 'session.up', user, device: 'laptop' });
    four.signal('SIGSTOP');
    const down = await log.next({ type: 'session.down', user, device: 'laptop' });
    four.signal('SIGCONT');
    await log.count({ type: 'session.up', user, device: 'laptop' }, 2);
    const again = log.all({ type: 'session.up', user, device: 'laptop' })[1];
    expect(again?.event).not.toBe(up.event);
    expect(again?.at).toBeGreaterThan(down.at);
    expect(down.at).toBeGreaterThan(up.at);
    await settled();
    expect(typesOf(log.all({ user, device: 'laptop' }))).toEqual([
      'session.up',
      'session.down',
      'session.up',
    ]);
  });

  test('that is announced again, since presence was lost, is the same fact', async () => {
    const user = someone('alice');
    present(await connectAs(stack, one, user));
    const up = await log.next({ type: 'session.up', user });
    await stack.sql('DELETE FROM sessions WHERE user_id = $1', [user]);
    await until(
      async () => (await stack.sql('SELECT FROM sessions WHERE user_id = $1', [user])).length === 1,
      {
        what: 'the session to be announced again',
      },
    );
    await settled();
    expect(new Set(log.all({ user }).map(({ event }) => event))).toEqual(new Set([up.event]));
  });

  test('whose end was told before a late announcement is up again with its next incarnation', async () => {
    const [user, session, since] = [someone('alice'), randomUUID(), Date.now()];
    const announced = { kind: 'session-up', user, device: 'phone', session, since, again: true };
    const queue = routeQueue(partitionOf(user, 8));
    const steps = [
      { ...announced, gateway: 'away.1', again: false },
      { kind: 'session-down', user, session },
      { ...announced, gateway: 'away.1' },
      { ...announced, gateway: 'away.2' },
    ];
    for (const step of steps)
      await withChannel(stack, (channel) => publishTo(channel, queue, JSON.stringify([step])));
    const names = (type: Event['type']) => new Set(log.all({ type, user }).map(({ event }) => event)).size;
    await until(() => names('session.up') === 2, { what: 'both incarnations to be told' });
    const there = async () => (await stack.sql('SELECT FROM sessions WHERE user_id = $1', [user])).length;
    // No gateway has it, so that its last incarnation ends as soon as routing hears of that.
    await until(async () => names('session.down') + (await there()) === 2, { what: 'each to end once' });
    expect(names('session.up')).toBe(2);
  });
});

describe('routing or ack is killed before the broker has confirmed the events', () => {
  /** Facts happen while no event is confirmed; then the instance that published them is killed. */
  async function killedAfter(kind: 'routing' | 'ack', facts: () => Promise<void>): Promise<void> {
    const restore = await log.refuse();
    try {
      await facts();
      const [instance] = stack[kind] as [ServiceHandle];
      // Acknowledgements gather for 20 ms: a wrong one has left by then.
      for (let n = 0; n < 30; n++) await stack.metrics(instance);
      await instance.kill('SIGKILL');
      await restore();
      await instance.restart();
    } catch (error) {
      await restore().catch(() => undefined);
      throw error;
    }
  }

  test('accepted and stored', async () => {
    const [from, to] = [someone('alice'), someone('bob')];
    await using alice = await connectAs(stack, one, from);
    await killedAfter('routing', async () => {
      alice.msg(to, 'm');
      await alice.next('ack:N', { id: 'm', state: 'stored' });
    });
    await log.next({ type: 'message.stored', from });
    await log.next({ type: 'message.accepted', from });
  });

  test('stored, of a message whose time is over at the next try', async () => {
    const [from, to] = [someone('alice'), someone('bob')];
    await using alice = await connectAs(stack, one, from);
    await killedAfter('routing', async () => {
      alice.send({ type: 'msg:R', id: 'm', to, body: 1, ttl: 1, thread: 'team' });
      const { at } = await alice.next('msg:A', { id: 'm' });
      await alice.next('ack:N', { id: 'm', state: 'stored' });
      await until(() => Date.now() > at + 1_000, { what: 'its time to be over' });
    });
    expect(await log.next({ type: 'message.stored', from })).toMatchObject({ thread: 'team' });
    await log.next({ type: 'message.rejected', from });
  });

  test('accepted, of a message that is live', async () => {
    const [from, to] = [someone('alice'), someone('bob')];
    await using alice = await connectAs(stack, one, from);
    present(await connectAs(stack, two, to, { autoAck: true }));
    await killedAfter('routing', async () => {
      alice.msg(to, 'm');
      await alice.next('ack:N', { id: 'm', state: 'delivered' });
    });
    await log.next({ type: 'message.accepted', from });
    await log.next({ type: 'message.delivered', from });
  });

  test('delivered, by a mailbox that was confirmed and is empty', async () => {
    const [from, to] = [someone('alice'), someone('bob')];
    await using alice = await connectAs(stack, one, from);
    alice.msg(to, 'm');
    await log.next({ type: 'message.stored', from });
    await using bob = await connectAs(stack, two, to);
    await killedAfter('routing', async () => {
      await emptyMailbox(bob);
      await until(
        async () => (await stack.sql('SELECT FROM offline_messages WHERE recipient = $1', [to])).length === 0,
        {
          what: 'the message to be deleted',
        },
      );
    });
    await log.next({ type: 'message.delivered', from });
  });

  test('rejected, by a mailbox that has room at the next try', async () => {
    const [from, to] = [someone('alice'), someone('bob')];
    await using alice = await connectAs(stack, one, from);
    for (let n = 0; n < QUOTA; n++) alice.msg(to, `m${n}`);
    await log.count({ type: 'message.stored', from }, QUOTA);
    await killedAfter('routing', async () => {
      alice.send({ type: 'msg:R', id: 'full', to, body: 1, thread: 'team' });
      await alice.next('ack:N', { id: 'full', state: 'rejected' });
      await stack.sql('DELETE FROM offline_messages WHERE sender = $1', [from]);
    });
    const event = await log.next({ type: 'message.rejected', from, id: 'full' });
    expect(event).toMatchObject({ reason: 'mailbox_full', thread: 'team' });
  });

  test('rejected, by a sweep; session.down', async () => {
    const [from, to] = [someone('alice'), someone('bob')];
    await using alice = await connectAs(stack, one, from);
    alice.msg(to, 'm');
    await log.next({ type: 'message.stored', from });
    const carol = someone('carol');
    const client = await connectAs(stack, one, carol);
    await log.next({ type: 'session.up', user: carol });
    await killedAfter('routing', async () => {
      await stack.sql(
        "UPDATE offline_messages SET stored_at = now() - interval '40 days' WHERE sender = $1",
        [from],
      );
      await client.close();
      for (const [table, column, user] of [
        ['offline_messages', 'sender', from],
        ['sessions', 'user_id', carol],
      ])
        await until(
          async () => (await stack.sql(`SELECT FROM ${table} WHERE ${column} = $1`, [user])).length === 0,
          {
            what: `its row in ${table} to be gone`,
          },
        );
    });
    await log.next({ type: 'message.rejected', from });
    await log.next({ type: 'session.down', user: carol });
  });

  test('delivered and read, by ack', async () => {
    const [from, to] = [someone('alice'), someone('bob')];
    await using alice = await connectAs(stack, one, from);
    await using bob = await connectAs(stack, two, to, { autoAck: true });
    await killedAfter('ack', async () => {
      alice.send({ type: 'msg:R', id: 'm', to, body: 1, read: true });
      const { read = '' } = await bob.next('msg:N', { id: 'm' });
      await alice.next('ack:N', { id: 'm', state: 'delivered' });
      bob.send({ type: 'read:R', items: [{ from, id: 'm', read }] });
      await until(
        async () =>
          (await stack.sql("SELECT FROM offline_receipts WHERE recipient = $1 AND state = 'read'", [from]))
            .length === 1,
        {
          what: 'the receipt',
        },
      );
    });
    await log.next({ type: 'message.delivered', from });
    await log.next({ type: 'message.read', from });
  });
});

test('while the broker refuses events, what causes them waits; then all come, and the outbox is empty', async () => {
  const [from, to, away] = [someone('alice'), someone('bob'), someone('away')];
  await using alice = await connectAs(stack, one, from);
  await using bob = await connectAs(stack, two, to, { autoAck: true });
  await log.next({ type: 'session.up', user: to });
  const restore = await log.refuse();
  const ids = Array.from({ length: 2 * PREFETCH }, (_, n) => `m${n}`);
  for (const id of ids) {
    alice.msg(to, id);
    await alice.next('msg:A', { id }); // one by one: each is an AMQP message
  }
  alice.msg(away, 'm');
  await alice.next('msg:A', { id: 'm' });
  const [routing] = stack.routing as [ServiceHandle];
  const unconfirmed = async () => (await stack.metrics(routing)).value('sixfold_events_unconfirmed');
  await until(async () => (await unconfirmed()) >= bob.all('msg:N').length && bob.all('msg:N').length > 0, {
    what: 'events that wait',
  });
  expect(bob.all('msg:N').length).toBeLessThanOrEqual(PREFETCH);
  await restore();
  for (const id of ids) await log.next({ type: 'message.delivered', from, id });
  await log.count({ type: 'message.accepted', from }, ids.length + 1);
  await log.next({ type: 'message.stored', from, to: away });
  await until(async () => (await unconfirmed()) === 0 && (await rows('event_outbox')) === 0, {
    what: 'nothing to wait any more',
  });
  expect(new Set(bob.all('msg:N').map(({ id }) => id))).toEqual(new Set(ids));
});

test('an erasure publishes what other instances left in the outbox and what names the user, before it is answered', async () => {
  const [bob, name] = [someone('bob'), someone('alice')];
  const insert =
    "INSERT INTO event_outbox (owner, type, fact, fields, stored_at) VALUES ($1, $2, $3, $4, now() + interval '1 h')";
  const left = [
    { type: 'message.rejected', from: name, id: 'to', to: bob, at: 1 },
    { type: 'message.rejected', from: bob, id: 'from', to: name, at: 2 },
    { type: 'session.down', user: bob, device: 'phone', at: 3 },
    { type: 'message.rejected', from: name, id: 'other', to: name, at: 4 },
  ];
  for (const { type, ...fields } of left)
    await stack.sql(insert, ['gone', type, [String(fields.at)], JSON.stringify(fields)]);
  const token = await serviceToken(stack, ['admin']);
  expect((await http(one, 'DELETE', `/users/${bob}`, { token })).status).toBe(204);
  const rest = await stack.sql("SELECT fields->>'id' AS id FROM event_outbox WHERE owner = 'gone'");
  expect(rest).toEqual([{ id: 'other' }]);
  expect(await stack.sql('SELECT FROM event_outbox WHERE position($1 IN fields::text) > 0', [bob])).toEqual(
    [],
  );
  for (const { type, at } of left.slice(0, 3)) await log.next({ type, at });
  await stack.sql("DELETE FROM event_outbox WHERE owner = 'gone'");
});

test('only what EVENTS names is published', async () => {
  await using small = await startStack({
    gateways: 1,
    env: { ...ENV, EVENTS: 'message.stored, session.down' },
  });
  await using few = await EventLog.open(small);
  const [gateway] = small.gateways;
  const alice = await connectAs(small, gateway, 'alice');
  await using bob = await connectAs(small, gateway, 'bob', { autoAck: true });
  alice.msg('bob', 'live');
  await alice.next('ack:N', { id: 'live', state: 'delivered' });
  alice.msg('carol', 'stored');
  await few.next({ type: 'message.stored' });
  await using carol = await connectAs(small, gateway, 'carol');
  await emptyMailbox(carol);
  await until(async () => (await small.sql('SELECT FROM offline_messages')).length === 0, {
    what: 'the confirmation',
  });
  await alice.close();
  await few.next({ type: 'session.down', user: 'alice' });
  expect(typesOf(few.events)).toEqual(['message.stored', 'session.down']);
  expect(bob.all('msg:N')).toHaveLength(1);
});
