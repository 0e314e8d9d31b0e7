import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { LiveMessage, LiveReceipt } from '#libs/broker/entries.ts';
import { MAX_EARLY_RECEIPTS } from '../early-receipts.ts';
import { GatewayFixture, LEASE_MS, LOGIN_TIMEOUT_MS } from '../testing/gateway-fixture.ts';

let fixture: GatewayFixture;

beforeEach(() => {
  vi.useFakeTimers();
  fixture = new GatewayFixture();
});

afterEach(() => {
  fixture.incarnation.close();
  vi.runOnlyPendingTimers(); // among them the one of all acknowledgements
  vi.useRealTimers();
});

const pass = (ms = 1) => vi.advanceTimersByTimeAsync(ms);

async function start(): Promise<void> {
  await fixture.connect();
  await pass();
  fixture.grant();
}

/** Session of the latest announcement. */
const announced = () => fixture.of('session-up').at(-1)?.session ?? 'none';
const register = () => fixture.deliver({ kind: 'registered', session: announced(), mail: false });

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
    const alice = fixture.login('alice');
    await pass(1_000);
    await start();
    await pass();
    register();
    await pass();
    expect(alice.types()).toEqual(['login:A']);
  });

  test('is held for no longer than LOGIN_TIMEOUT_MS', async () => {
    const alice = fixture.login('alice');
    await pass(LOGIN_TIMEOUT_MS - 100);
    expect(alice.packets).toEqual([]);
    await pass(200);
    expect(alice.packets).toMatchObject([{ type: 'error', code: 'unavailable' }]);
    expect(fixture.routed).toEqual([]);
  });

  test('that was granted once and lapsed is held as well', async () => {
    await start();
    await pass(2 * LEASE_MS);
    const alice = fixture.login('alice');
    await pass();
    expect(fixture.of('session-up')).toEqual([]);
    fixture.grant('p.1');
    await pass();
    register();
    await pass();
    expect(alice.types()).toEqual(['login:A']);
  });

  test('is not announced if its client hung up while the gateway stood still: it may be connected elsewhere', async () => {
    await start();
    const { connection } = fixture.login('alice');
    for (let n = 0; n < 20; n++) await Promise.resolve(); // its token is verified
    Object.assign(connection, { open: false }); // read in the same turn
    await pass();
    expect(fixture.of('session-up')).toEqual([]);
  });

  test('keeps the place of the moment when it came', async () => {
    const cameAt = Date.now();
    fixture.login('alice');
    await pass(2_000);
    await start();
    await pass();
    expect(fixture.of('session-up')[0]?.since).toBe(cameAt);
  });
});

describe('a login that is under way when the broker is lost', () => {
  test.each([
    ['is not confirmed', 'down'],
    ['is confirmed, and its answer is lost', 'up'],
  ] as const)('and %s: it is announced again, as another session', async (_, broker) => {
    await start();
    fixture.broker = broker;
    const alice = fixture.login('alice');
    await pass();
    fixture.broker = 'up';
    await fixture.reconnect();
    await pass(500);
    fixture.grant();
    await pass(500);
    const sessions = fixture.of('session-up');
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
    const alice = fixture.login('alice');
    await pass();
    fixture.deliver(message('m1'), receipt('r1'), message('m2'));
    fixture.deliver(receipt('r2'), { kind: 'hint', session: announced() });
    fixture.deliver({ kind: 'mailbox', session: announced(), messages: [], receipts: [], more: false });
    await pass();
    expect(alice.packets).toEqual([]);
    register();
    await pass();
    expect(alice.types()).toEqual(['login:A', 'ack:N', 'ack:N', 'msg:N', 'msg:N']);
    const ids = alice.packets.flatMap((packet) => ('id' in packet ? [packet.id] : []));
    expect(ids).toEqual(['r1', 'r2', 'm1', 'm2']);
    expect(fixture.returned).toEqual([]);
  });

  test('goes back, all of it, when its client has gone', async () => {
    await start();
    const alice = fixture.login('alice');
    await pass();
    fixture.deliver(message('m1'), receipt('r1'));
    fixture.gateway.closed(alice.connection);
    await pass();
    expect(fixture.returned.map((entry) => 'id' in entry && entry.id).sort()).toEqual(['m1', 'r1']);
  });

  test('is bounded: further receipts go back', async () => {
    await start();
    fixture.login('alice');
    await pass();
    fixture.deliver(...Array.from({ length: MAX_EARLY_RECEIPTS + 1 }, (_, n) => receipt(`r${n}`)));
    await pass();
    expect(fixture.returned).toMatchObject([{ id: `r${MAX_EARLY_RECEIPTS}`, returned: 'session_full' }]);
  });
});

describe('a session that is logged in', () => {
  beforeEach(async () => {
    await start();
    fixture.login('alice');
    await pass();
    register();
    await pass();
  });

  test('is compared with presence, and announced again when that does not have it', async () => {
    await pass(LEASE_MS);
    const session = announced();
    expect(fixture.of('lease').at(-1)?.check).toEqual([{ user: 'alice', session }]);
    const before = fixture.of('session-up').length;
    fixture.grant('p', [session, 'gone-meanwhile']);
    await pass();
    expect(fixture.of('session-up').slice(before)).toMatchObject([{ session, again: true }]);
    fixture.grant('p', []);
    await pass();
    expect(fixture.of('session-up')).toHaveLength(before + 1);
  });

  test('is not announced again while the gateway drains: it is out of presence', async () => {
    await pass(LEASE_MS);
    const before = fixture.of('session-up').length;
    fixture.gateway.draining = true;
    fixture.grant('p', [announced()]);
    fixture.grant('p.1');
    await pass(LEASE_MS);
    expect(fixture.of('lease').at(-1)?.check).toBeUndefined();
    expect(fixture.of('session-up')).toHaveLength(before);
  });

  test('has what it holds brought to the mailbox when the queue was deleted: no heir has it', async () => {
    fixture.deliver(message('m1'));
    fixture.cancel();
    await pass();
    expect(fixture.returned).toMatchObject([{ id: 'm1', returned: 'queue_deleted' }]);
    expect(fixture.queues).toHaveLength(2);
  });

  test('leaves what it holds to the heirs when the connection is lost', async () => {
    fixture.deliver(message('m1'));
    await fixture.reconnect();
    await pass();
    expect(fixture.returned).toEqual([]);
  });
});
