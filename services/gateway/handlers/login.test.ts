import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { LiveMessage, LiveReceipt } from '#libs/broker/entries.ts';
import { MAX_EARLY_RECEIPTS } from '../early-receipts.ts';
import { GatewayBench, LEASE_MS, LOGIN_TIMEOUT_MS } from '../testing/gateway-bench.ts';

let bench: GatewayBench;

beforeEach(() => {
  vi.useFakeTimers();
  bench = new GatewayBench();
});

afterEach(() => {
  bench.epoch.close();
  vi.runOnlyPendingTimers(); // among them the one of all acknowledgements
  vi.useRealTimers();
});

const pass = (ms = 1) => vi.advanceTimersByTimeAsync(ms);

async function start(): Promise<void> {
  await bench.connect();
  await pass();
  bench.grant();
}

/** Session of the latest announcement. */
const announced = () => bench.of('session-up').at(-1)?.session ?? 'none';
const register = () => bench.deliver({ kind: 'registered', session: announced(), mail: false });

const message = (id: string): LiveMessage => ({
  kind: 'message',
  session: announced(),
  from: 'bob',
  to: 'alice',
  id,
  body: '1',
  at: 1,
});
const receipt = (id: string): LiveReceipt => ({
  kind: 'receipt',
  session: announced(),
  user: 'alice',
  id,
  to: 'bob',
  state: 'delivered',
  at: 1,
});

describe('a login at a gateway without a lease', () => {
  test('is held until there is one, and sees no error', async () => {
    const alice = bench.login('alice');
    await pass(1_000);
    await start();
    await pass();
    register();
    await pass();
    expect(alice.types()).toEqual(['login:A']);
  });

  test('is held for no longer than LOGIN_TIMEOUT_MS', async () => {
    const alice = bench.login('alice');
    await pass(LOGIN_TIMEOUT_MS - 100);
    expect(alice.packets).toEqual([]);
    await pass(200);
    expect(alice.packets).toMatchObject([{ type: 'error', code: 'unavailable' }]);
    expect(bench.routed).toEqual([]);
  });

  test('that was granted once and lapsed is held as well', async () => {
    await start();
    await pass(2 * LEASE_MS);
    const alice = bench.login('alice');
    await pass();
    expect(bench.of('session-up')).toEqual([]);
    bench.grant('p.1');
    await pass();
    register();
    await pass();
    expect(alice.types()).toEqual(['login:A']);
  });

  test('keeps the place of the moment when it came', async () => {
    const cameAt = Date.now();
    bench.login('alice');
    await pass(2_000);
    await start();
    await pass();
    expect(bench.of('session-up')[0]?.since).toBe(cameAt);
  });
});

describe('a login that is under way when the broker is lost', () => {
  test.each([
    ['is not confirmed', 'down'],
    ['is confirmed, and its answer is lost', 'up'],
  ] as const)('and %s: it is announced again, as another session', async (_, broker) => {
    await start();
    bench.broker = broker;
    const alice = bench.login('alice');
    await pass();
    bench.broker = 'up';
    await bench.reconnect();
    await pass(500);
    bench.grant();
    await pass(500);
    const sessions = bench.of('session-up');
    expect(new Set(sessions.map(({ again }) => again))).toEqual(new Set([false]));
    expect(new Set(sessions.map(({ session }) => session)).size).toBe(sessions.length);
    register();
    await pass();
    expect(alice.types()).toEqual(['login:A']);
  });
});

describe('what comes for a session that waits for its registration', () => {
  test('follows login:A, in order; nothing goes back', async () => {
    await start();
    const alice = bench.login('alice');
    await pass();
    bench.deliver(message('m1'), receipt('r1'), message('m2'));
    bench.deliver(receipt('r2'), { kind: 'hint', session: announced() });
    bench.deliver({ kind: 'mailbox', session: announced(), messages: [], receipts: [], more: false });
    await pass();
    expect(alice.packets).toEqual([]);
    register();
    await pass();
    expect(alice.types()).toEqual(['login:A', 'ack:N', 'ack:N', 'msg:N', 'msg:N']);
    const ids = alice.packets.flatMap((packet) => ('id' in packet ? [packet.id] : []));
    expect(ids).toEqual(['r1', 'r2', 'm1', 'm2']);
    expect(bench.returned).toEqual([]);
  });

  test('goes back, all of it, when its client has gone', async () => {
    await start();
    const alice = bench.login('alice');
    await pass();
    bench.deliver(message('m1'), receipt('r1'));
    bench.gateway.closed(alice.connection);
    await pass();
    expect(bench.returned.map((entry) => 'id' in entry && entry.id).sort()).toEqual(['m1', 'r1']);
  });

  test('is bounded: further receipts go back', async () => {
    await start();
    bench.login('alice');
    await pass();
    bench.deliver(...Array.from({ length: MAX_EARLY_RECEIPTS + 1 }, (_, n) => receipt(`r${n}`)));
    await pass();
    expect(bench.returned).toMatchObject([{ id: `r${MAX_EARLY_RECEIPTS}`, returned: 'session_full' }]);
  });
});

describe('a session that is logged in', () => {
  beforeEach(async () => {
    await start();
    bench.login('alice');
    await pass();
    register();
    await pass();
  });

  test('is compared with presence, and announced again when that does not have it', async () => {
    await pass(LEASE_MS);
    const session = announced();
    expect(bench.of('lease').at(-1)?.check).toEqual([{ user: 'alice', session }]);
    const before = bench.of('session-up').length;
    bench.grant('p', [session, 'gone-meanwhile']);
    await pass();
    expect(bench.of('session-up').slice(before)).toMatchObject([{ session, again: true }]);
    bench.grant('p', []);
    await pass();
    expect(bench.of('session-up')).toHaveLength(before + 1);
  });

  test('is not announced again while the gateway drains: it is out of presence', async () => {
    await pass(LEASE_MS);
    const before = bench.of('session-up').length;
    bench.gateway.draining = true;
    bench.grant('p', [announced()]);
    bench.grant('p.1');
    await pass(LEASE_MS);
    expect(bench.of('lease').at(-1)?.check).toBeUndefined();
    expect(bench.of('session-up')).toHaveLength(before);
  });

  test('has what it holds brought to the mailbox when the queue was deleted: no heir has it', async () => {
    bench.deliver(message('m1'));
    bench.cancel();
    await pass();
    expect(bench.returned).toMatchObject([{ id: 'm1', returned: 'queue_deleted' }]);
    expect(bench.queues).toHaveLength(2);
  });

  test('leaves what it holds to the heirs when the connection is lost', async () => {
    bench.deliver(message('m1'));
    await bench.reconnect();
    await pass();
    expect(bench.returned).toEqual([]);
  });
});
