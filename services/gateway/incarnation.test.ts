import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { GatewayFixture, LEASE_MS } from './testing/gateway-fixture.ts';

let fixture: GatewayFixture;

beforeEach(async () => {
  vi.useFakeTimers();
  fixture = new GatewayFixture();
  await fixture.connect();
  await pass(0);
});

afterEach(() => {
  fixture.incarnation.close();
  vi.runOnlyPendingTimers(); // among them the one of all acknowledgements
  vi.useRealTimers();
});

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const PROBE_MS = 2_000;

/** Time passes while routing answers every renewal. */
async function passGranted(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 100) {
    fixture.grant();
    await pass(100);
  }
}

describe('a lease', () => {
  test('makes the gateway ready, for two leases from the moment it was asked for', async () => {
    expect(fixture.incarnation.ready).toBe(false);
    await pass(500); // the answer takes as long
    fixture.grant();
    expect(fixture.incarnation.ready).toBe(true);
    await pass(2 * LEASE_MS - 500 - 1);
    expect(fixture.incarnation.ready).toBe(true);
    await pass(1);
    expect(fixture.incarnation.ready).toBe(false);
  });

  test('does not depend on the wall clock', async () => {
    fixture.grant();
    vi.setSystemTime(Date.now() + 365 * 86_400_000);
    expect(fixture.incarnation.ready).toBe(true);
    await pass(2 * LEASE_MS);
    vi.setSystemTime(Date.now() - 2 * 365 * 86_400_000);
    expect(fixture.incarnation.ready).toBe(false);
  });

  test('that is granted again and again never ends', async () => {
    await passGranted(10 * LEASE_MS);
    expect(fixture.incarnation.ready).toBe(true);
    expect(fixture.queues).toHaveLength(1);
  });

  test('that was asked for too long ago makes nobody ready; the next one does', async () => {
    fixture.grant();
    await pass(1); // from here on the latest renewal is another one
    const stale = fixture.of('lease')[0]?.asked;
    await pass(2 * LEASE_MS);
    fixture.deliver({ kind: 'lease-granted', presence: 'p', asked: stale });
    expect(fixture.incarnation.ready).toBe(false);
    fixture.grant();
    expect(fixture.incarnation.ready).toBe(true);
  });

  test('of an older routing, which does not say when it was asked for, counts from its arrival', async () => {
    fixture.deliver({ kind: 'lease-granted', presence: 'p' });
    await pass(2 * LEASE_MS - 1);
    expect(fixture.incarnation.ready).toBe(true);
    await pass(1);
    expect(fixture.incarnation.ready).toBe(false);
  });

  test('is asked for as the first one until it is granted once', async () => {
    await pass(LEASE_MS + 1);
    expect(new Set(fixture.of('lease').map(({ first }) => first))).toEqual(new Set([true]));
    fixture.grant();
    const before = fixture.of('lease').length;
    await pass(3 * LEASE_MS); // also when it lapsed: a row that is gone must not come back unnoticed
    expect(
      new Set(
        fixture
          .of('lease')
          .slice(before)
          .map(({ first }) => first),
      ),
    ).toEqual(new Set([false]));
  });
});

describe('no grant for two leases', () => {
  test.each([
    ['that was never there', false],
    ['after one that was', true],
  ])('%s, and the queue is not bound: a new incarnation, with a new queue', async (_, granted) => {
    if (granted) fixture.grant();
    fixture.bound = false;
    await pass(2 * LEASE_MS - 1);
    expect(fixture.queues).toHaveLength(1);
    await pass(1 + PROBE_MS);
    expect(fixture.queues).toHaveLength(2);
    expect(new Set(fixture.queues).size).toBe(2);
    fixture.bound = true;
    fixture.grant();
    expect(fixture.incarnation.ready).toBe(true);
    await passGranted(3 * LEASE_MS);
    expect(fixture.queues).toHaveLength(2);
  });

  test('a queue that does not answer is as good as one that is not bound', async () => {
    fixture.broker = 'silent';
    await pass(2 * LEASE_MS + PROBE_MS);
    expect(fixture.queues).toHaveLength(2);
  });

  test('the queue is fine, so that routing is away: the incarnation stays, however long that takes', async () => {
    fixture.grant();
    await pass(20 * LEASE_MS);
    expect(fixture.incarnation.ready).toBe(false);
    expect(fixture.queues).toHaveLength(1);
    fixture.grant();
    expect(fixture.incarnation.ready).toBe(true);
  });

  test('the broker takes no probe at the moment: it looks again', async () => {
    fixture.broker = 'down';
    await pass(3 * LEASE_MS);
    expect(fixture.queues).toHaveLength(1);
    expect(fixture.warnings).toHaveLength(1);
    fixture.bound = false;
    fixture.broker = 'up';
    await pass(LEASE_MS + PROBE_MS);
    expect(fixture.queues).toHaveLength(2);
  });
});
