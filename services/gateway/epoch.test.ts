import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { GatewayBench, LEASE_MS } from './testing/gateway-bench.ts';

let bench: GatewayBench;

beforeEach(async () => {
  vi.useFakeTimers();
  bench = new GatewayBench();
  await bench.connect();
  await pass(0);
});

afterEach(() => {
  bench.epoch.close();
  vi.runOnlyPendingTimers(); // among them the one of all acknowledgements
  vi.useRealTimers();
});

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const PROBE_MS = 2_000;

/** Time passes while routing answers every renewal. */
async function passGranted(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 100) {
    bench.grant();
    await pass(100);
  }
}

describe('a lease', () => {
  test('makes the gateway ready, for two leases from the moment it was asked for', async () => {
    expect(bench.epoch.ready).toBe(false);
    await pass(500); // the answer takes as long
    bench.grant();
    expect(bench.epoch.ready).toBe(true);
    await pass(2 * LEASE_MS - 500 - 1);
    expect(bench.epoch.ready).toBe(true);
    await pass(1);
    expect(bench.epoch.ready).toBe(false);
  });

  test('does not depend on the wall clock', async () => {
    bench.grant();
    vi.setSystemTime(Date.now() + 365 * 86_400_000);
    expect(bench.epoch.ready).toBe(true);
    await pass(2 * LEASE_MS);
    vi.setSystemTime(Date.now() - 2 * 365 * 86_400_000);
    expect(bench.epoch.ready).toBe(false);
  });

  test('that is granted again and again never ends', async () => {
    await passGranted(10 * LEASE_MS);
    expect(bench.epoch.ready).toBe(true);
    expect(bench.queues).toHaveLength(1);
  });

  test('that was asked for too long ago makes nobody ready; the next one does', async () => {
    bench.grant();
    await pass(1); // from here on the latest renewal is another one
    const stale = bench.of('lease')[0]?.asked;
    await pass(2 * LEASE_MS);
    bench.deliver({ kind: 'lease-granted', presence: 'p', asked: stale });
    expect(bench.epoch.ready).toBe(false);
    bench.grant();
    expect(bench.epoch.ready).toBe(true);
  });

  test('of an older routing, which does not say when it was asked for, counts from its arrival', async () => {
    bench.deliver({ kind: 'lease-granted', presence: 'p' });
    await pass(2 * LEASE_MS - 1);
    expect(bench.epoch.ready).toBe(true);
    await pass(1);
    expect(bench.epoch.ready).toBe(false);
  });

  test('is asked for as the first one until it is granted once', async () => {
    await pass(LEASE_MS + 1);
    expect(new Set(bench.of('lease').map(({ first }) => first))).toEqual(new Set([true]));
    bench.grant();
    const before = bench.of('lease').length;
    await pass(3 * LEASE_MS); // also when it lapsed: a row that is gone must not come back unnoticed
    expect(
      new Set(
        bench
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
  ])('%s, and the queue is not bound: a new epoch, with a new queue', async (_, granted) => {
    if (granted) bench.grant();
    bench.bound = false;
    await pass(2 * LEASE_MS - 1);
    expect(bench.queues).toHaveLength(1);
    await pass(1 + PROBE_MS);
    expect(bench.queues).toHaveLength(2);
    expect(new Set(bench.queues).size).toBe(2);
    bench.bound = true;
    bench.grant();
    expect(bench.epoch.ready).toBe(true);
    await passGranted(3 * LEASE_MS);
    expect(bench.queues).toHaveLength(2);
  });

  test('a queue that does not answer is as good as one that is not bound', async () => {
    bench.broker = 'silent';
    await pass(2 * LEASE_MS + PROBE_MS);
    expect(bench.queues).toHaveLength(2);
  });

  test('the queue is fine, so that routing is away: the epoch stays, however long that takes', async () => {
    bench.grant();
    await pass(20 * LEASE_MS);
    expect(bench.epoch.ready).toBe(false);
    expect(bench.queues).toHaveLength(1);
    bench.grant();
    expect(bench.epoch.ready).toBe(true);
  });

  test('the broker takes no probe at the moment: it looks again', async () => {
    bench.broker = 'down';
    await pass(3 * LEASE_MS);
    expect(bench.queues).toHaveLength(1);
    bench.bound = false;
    bench.broker = 'up';
    await pass(LEASE_MS + PROBE_MS);
    expect(bench.queues).toHaveLength(2);
  });
});
