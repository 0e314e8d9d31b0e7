import pg from 'pg';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TcpProxy } from '../tools/testkit/tcp-proxy.ts';
import { SeededRandom } from '../tools/testkit/seeded-random.ts';
import { emptyMailbox } from './harness/mailbox.ts';
import { connectAs, isHint, type RawClient } from './harness/raw-client.ts';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';
import { untilWaiting } from './harness/waiting-statement.ts';

/**
 * What happens at the same moment, in the order that hurts most. Other races stand with what they are about: two devices
 * in devices.test.ts, a second login in takeover.test.ts, failover in the middle of a batch in routing-crash.test.ts and
 * zombies.test.ts, gateways that are thought dead in lease.test.ts and gateway-crash.test.ts.
 */

const ACK_TIMEOUT_MS = 400;

let stack: Stack;
let one: ServiceHandle;
let two: ServiceHandle;

beforeAll(async () => {
  stack = await startStack({ env: { ACK_TIMEOUT_MS: String(ACK_TIMEOUT_MS) } });
  [one, two] = stack.gateways as [ServiceHandle, ServiceHandle];
});

afterAll(() => stack.stop());

const ack = (client: RawClient, from: string, id: string) => client.send({ type: 'ack:R', from, id });
const idsOf = (entries: { id: string }[]) => entries.map(({ id }) => id);

const inMailbox = async (user: string) =>
  idsOf(
    (await stack.sql('SELECT id FROM offline_messages WHERE recipient = $1 ORDER BY key', [user])) as {
      id: string;
    }[],
  );

/** A transaction of the test's own, which stands in the way of others until it is committed. */
async function transaction(statement: string, values: unknown[] = []) {
  const client = new pg.Client({ connectionString: stack.databaseUrl });
  await client.connect();
  await client.query('BEGIN');
  await client.query(statement, values);
  let open = true;
  const commit = async () => {
    if (!open) return;
    open = false;
    await client.query('COMMIT');
    await client.end();
  };
  return { commit, [Symbol.asyncDispose]: commit };
}

/** Nothing can be stored; mailboxes can be read. */
const holdInserts = () => transaction('LOCK TABLE offline_messages IN SHARE MODE');

const untilHeld = () => untilWaiting(stack, 'i (recipient, sender, id, body');

/** All receipts of a message that its sender was told, live or by mailbox. */
function statesOf(sender: RawClient, id: string): string[] {
  const pulled = sender.all('offline:N').flatMap(({ receipts }) => receipts);
  return [...sender.all('ack:N', { id }), ...pulled.filter((receipt) => receipt.id === id)].map(
    ({ state }) => state,
  );
}

describe('a message is stored while its receiver logs in', () => {
  test('routing stands between lookup and insert: the login does not wait, and its pull finds the message', async () => {
    await using alice = await connectAs(stack, one, 'alice-1');
    await using inserts = await holdInserts();
    alice.msg('bob-1', 'm');
    await untilHeld();
    await using bob = await connectAs(stack, two, 'bob-1');
    const page = bob.pull();
    await inserts.commit();
    expect((await page).messages).toMatchObject([{ id: 'm' }]);
  });

  test('who is there does not wait for what is stored for others; a copy of that waits with it', async () => {
    await using alice = await connectAs(stack, one, 'alice-3');
    await using inserts = await holdInserts();
    alice.msg('bob-3', 'm');
    await untilHeld();
    await using bob = await connectAs(stack, two, 'bob-3');
    alice.msg('bob-3', 'm');
    alice.msg('bob-3', 'next');
    await bob.next('msg:N', { id: 'next' });
    bob.send({ type: 'ack:R', from: 'alice-3', id: 'next' });
    await alice.next('ack:N', { id: 'next', state: 'delivered' });
    await inserts.commit();
    await bob.next('offline:N', isHint);
    expect(idsOf((await emptyMailbox(bob)).messages)).toEqual(['m']);
    expect(bob.all('msg:N', { id: 'm' })).toEqual([]);
    await alice.next('offline:N', isHint);
    await emptyMailbox(alice);
    expect(statesOf(alice, 'm')).toEqual(['stored', 'stored', 'delivered']);
  });

  test('what came back from another gateway: the pull is too early, and the hint brings it', async () => {
    await using alice = await connectAs(stack, one, 'alice-2');
    const old = await connectAs(stack, one, 'bob-2');
    alice.msg('bob-2', 'm');
    await old.next('msg:N');
    await using inserts = await holdInserts();
    await old.terminate();
    await untilHeld();
    await using bob = await connectAs(stack, two, 'bob-2');
    expect(await bob.pull()).toMatchObject({ messages: [], more: false });
    expect(bob.all('offline:N', isHint)).toEqual([]);
    await inserts.commit();
    await bob.next('offline:N', isHint);
    expect(idsOf((await emptyMailbox(bob)).messages)).toEqual(['m']);
    await alice.next('offline:N', isHint);
    await emptyMailbox(alice);
    expect(statesOf(alice, 'm')).toEqual(['stored', 'delivered']);
  });
});

describe('ack:R on its way into the broker', () => {
  let toBroker: TcpProxy;
  let three: ServiceHandle;

  beforeAll(async () => {
    const url = new URL(stack.amqpUrl);
    toBroker = await TcpProxy.listen(Number(url.port));
    url.port = String(toBroker.port);
    three = await stack.addGateway({ AMQP_URL: url.href, CONFIRM_TIMEOUT_MS: '5000' });
  });

  afterAll(async () => {
    await three.stop();
    await toBroker.close();
  });

  const inFlight = async () => (await stack.metrics(three)).value('sixfold_inflight_messages');

  test('outlives a disconnect', async () => {
    await using alice = await connectAs(stack, one, 'alice-3');
    const bob = await connectAs(stack, three, 'bob-3');
    alice.msg('bob-3', 'm');
    await bob.next('msg:N');
    toBroker.stall();
    ack(bob, 'alice-3', 'm');
    bob.ws.close(1000); // behind the ack:R
    await until(async () => (await stack.metrics(three)).value('sixfold_sessions') === 0, {
      what: 'the gateway to notice',
    });
    toBroker.resume();
    await alice.next('ack:N', { id: 'm', state: 'delivered' });
    await until(async () => (await stack.sql("SELECT FROM sessions WHERE user_id = 'bob-3'")).length === 0, {
      what: 'the session to be gone',
    });
    expect(statesOf(alice, 'm')).toEqual(['delivered']);
    expect(await inMailbox('bob-3')).toEqual([]);
  });

  test('outlives the ack timeout, and only what was not answered goes back', async () => {
    await using alice = await connectAs(stack, one, 'alice-4');
    await using bob = await connectAs(stack, three, 'bob-4');
    for (const id of ['answered', 'unanswered']) alice.msg('bob-4', id);
    await bob.next('msg:N', { id: 'unanswered' });
    toBroker.stall();
    ack(bob, 'alice-4', 'answered');
    await until(async () => (await inFlight()) < 2, { what: 'the ack timeout' });
    ack(bob, 'alice-4', 'unanswered'); // too late
    await bob.next('ack:A', { id: 'unanswered' });
    expect(bob.all('ack:A', { id: 'answered' })).toEqual([]);
    toBroker.resume();
    await bob.next('ack:A', { id: 'answered' });
    await alice.next('ack:N', { id: 'answered', state: 'delivered' });
    await alice.next('ack:N', { id: 'unanswered', state: 'stored' });
    expect(statesOf(alice, 'answered')).toEqual(['delivered']);
    expect(await inMailbox('bob-4')).toEqual(['unanswered']);
  });

  test('that gets no confirm in time, and a disconnect: the message comes again, and its sender hears no lie', async () => {
    await using alice = await connectAs(stack, one, 'alice-5');
    const hasty = await stack.addGateway({ AMQP_URL: three.env['AMQP_URL'], CONFIRM_TIMEOUT_MS: '300' });
    const bob = await connectAs(stack, hasty, 'bob-5');
    alice.msg('bob-5', 'm');
    await bob.next('msg:N');
    toBroker.stall();
    ack(bob, 'alice-5', 'm');
    expect(await bob.next('error')).toMatchObject({ code: 'unavailable', re: { type: 'ack:R', id: 'm' } });
    await bob.close();
    toBroker.resume(); // both the confirmation and the message are on their way now
    await until(() => statesOf(alice, 'm').length >= 2, { what: 'both receipts' });
    expect(statesOf(alice, 'm').sort()).toEqual(['delivered', 'stored']);
    await using again = await connectAs(stack, two, 'bob-5');
    expect(idsOf((await emptyMailbox(again)).messages)).toEqual(['m']);
    await alice.next('offline:N', isHint);
    expect((await emptyMailbox(alice)).receipts).toMatchObject([{ id: 'm', state: 'delivered' }]);
    await hasty.stop();
  });
});

describe('a pull', () => {
  test('beside an insert whose lower key is not visible yet: the confirmation does not take it along', async () => {
    await using alice = await connectAs(stack, one, 'alice-6');
    await using earlier = await transaction(
      "INSERT INTO offline_messages (recipient, sender, id, body, at) VALUES ('bob-6', 'alice-6', 'first', '1', 1)",
    );
    alice.msg('bob-6', 'second');
    await alice.next('ack:N', { id: 'second', state: 'stored' });
    await using bob = await connectAs(stack, two, 'bob-6');
    const page = await bob.pull();
    expect(page).toMatchObject({ messages: [{ id: 'second' }], more: false });
    await earlier.commit();
    bob.send({ type: 'offline:A', keys: page.messages.map(({ key }) => key) });
    const next = await bob.pull();
    expect(idsOf(next.messages)).toEqual(['first']);
    expect(Number(next.messages[0]?.key.slice(1))).toBeLessThan(Number(page.messages[0]?.key.slice(1)));
  });

  test('beside another one, on two devices and pipelined: each entry is settled once, and nothing is left', async () => {
    await using alice = await connectAs(stack, one, 'alice-7');
    const sent = Array.from({ length: 60 }, (_, n) => `m${n}`);
    for (const id of sent.slice(0, 30)) alice.msg('bob-7', id);
    await until(() => alice.all('ack:N').length === 30, { what: 'the first half to be stored' });
    await using phone = await connectAs(stack, one, 'bob-7', { device: 'phone', autoAck: true });
    await using laptop = await connectAs(stack, two, 'bob-7', { device: 'laptop', autoAck: true });
    const emptied = Promise.all([emptyMailbox(phone, 7), emptyMailbox(laptop, 11), emptyMailbox(phone, 5)]);
    for (const id of sent.slice(30)) alice.msg('bob-7', id);
    const pages = await emptied;
    const pulled = new Set(pages.flatMap(({ messages }) => idsOf(messages)));
    expect([...pulled].sort()).toEqual(sent.slice(0, 30).sort());
    await until(async () => (await inMailbox('bob-7')).length === 0, { what: 'an empty mailbox' });
    const live = () => new Set(idsOf(alice.all('ack:N', { state: 'delivered' }))); // each device's counts
    await until(() => live().size === 30, { what: 'the second half' });
    const { receipts } = await emptyMailbox(alice);
    expect(receipts.map(({ id, state }) => [id, state]).sort()).toEqual(
      sent
        .slice(0, 30)
        .map((id) => [id, 'delivered'])
        .sort(),
    );
    for (const device of [phone, laptop]) expect(device.all('error')).toEqual([]);
  });
});

const random = new SeededRandom(8);

/** A receiver who comes and goes, and answers when it likes; and when it first answered each message. */
class Hopper {
  readonly answered = new Map<string, number>();
  readonly clients: RawClient[] = [];
  #handled = 0;

  get current(): RawClient | undefined {
    return this.clients.at(-1);
  }

  /** Logs in somewhere; the session before is dropped first, or replaced. */
  async hop(user: string): Promise<void> {
    if (random.chance(0.5)) await this.current?.terminate();
    const client = await connectAs(stack, random.chance(0.5) ? one : two, user);
    this.clients.push(client);
    this.#handled = 0;
    client.send({ type: 'offline:R' });
  }

  /** Deals with what came since: answers at once, late or never; pulls behind hints, and confirms pages. */
  step(diligent: boolean): void {
    const client = this.current;
    if (client?.ws.readyState !== client?.ws.OPEN || !client) return;
    const arrivals = client.packets.slice(this.#handled);
    this.#handled += arrivals.length;
    for (const { packet } of arrivals) {
      const answer = () => {
        if (client.ws.readyState !== client.ws.OPEN) return;
        if (packet.type === 'msg:N') {
          this.#answers(packet.id);
          ack(client, packet.from, packet.id);
        }
        if (packet.type !== 'offline:N') return;
        for (const { id } of packet.messages) this.#answers(id);
        const keys = [...packet.messages, ...packet.receipts].map(({ key }) => key);
        if (keys.length > 0) client.send({ type: 'offline:A', keys });
        if (packet.more) client.send({ type: 'offline:R' });
      };
      if (diligent || random.chance(0.5)) answer();
      else if (random.chance(0.6)) setTimeout(answer, random.integer(0, 2 * ACK_TIMEOUT_MS));
      else if (packet.type !== 'msg:N') answer(); // a client may leave a message unanswered, not its mailbox
    }
  }

  #answers(id: string): void {
    if (!this.answered.has(id)) this.answered.set(id, Date.now());
  }
}

test('a receiver who hops between gateways, drops, is replaced and answers late: all arrives, and no sender is lied to', async () => {
  await using alice = await connectAs(stack, one, 'alice-8');
  const bob = new Hopper();
  await bob.hop('bob-8');
  const told = new Map<string, number>();
  let pullsDue = 0;
  const listen = () => {
    const hints = alice.all('offline:N', isHint).length;
    if (hints > pullsDue) void emptyMailbox(alice).catch(() => undefined);
    pullsDue = hints;
    for (const { packet, receivedAt } of alice.packets) {
      const receipts =
        packet.type === 'offline:N' ? packet.receipts : packet.type === 'ack:N' ? [packet] : [];
      for (const { id, state } of receipts)
        if (state === 'delivered' && !told.has(id)) told.set(id, receivedAt);
    }
  };
  const sent: string[] = [];
  const end = Date.now() + 5_000;
  while (Date.now() < end) {
    for (let n = random.integer(1, 5); n > 0; n--) alice.msg('bob-8', `m${sent.push('') - 1}`);
    if (random.chance(0.25)) await bob.hop('bob-8');
    bob.step(false);
    listen();
    await delay(random.integer(0, 60));
  }
  if (bob.current?.ws.readyState !== bob.current?.ws.OPEN) await bob.hop('bob-8');
  const ids = sent.map((_, n) => `m${n}`);
  await until(
    () => {
      bob.step(true);
      listen();
      return ids.every((id) => told.has(id));
    },
    { what: 'delivered for all' },
  );
  for (const id of ids) {
    expect(told.get(id), id).toBeGreaterThanOrEqual(bob.answered.get(id) ?? Infinity);
    expect(statesOf(alice, id), id).not.toContain('rejected');
  }
  await until(
    async () => {
      bob.step(true);
      return (await inMailbox('bob-8')).length === 0;
    },
    { what: 'nothing to be left in the mailbox' },
  );
  console.log(`${ids.length} messages, ${bob.clients.length} sessions`);
  await bob.current?.close();
});
