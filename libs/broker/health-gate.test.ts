import type { ChannelModel } from 'amqplib';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createLogger } from '#libs/runtime/logger.ts';
import { HealthGate } from './health-gate.ts';

const first = { name: 'first' } as unknown as ChannelModel;
const second = { name: 'second' } as unknown as ChannelModel;

/** What was asked of the consumers, in order. */
let calls: string[];
let isHealthy: boolean;
let idle: boolean;
let opening: Promise<void>;
let givingBack: Promise<void>;
let healthGate: HealthGate;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
  [calls, isHealthy, idle] = [[], true, true];
  opening = givingBack = Promise.resolve();
  healthGate = new HealthGate({
    consumers: {
      open: (connection) => {
        calls.push(`open ${(connection as unknown as { name: string }).name}`);
        return opening;
      },
      close: () => calls.push('close'),
      returnToBroker: () => {
        calls.push('give back');
        return givingBack;
      },
      get idle() {
        return idle;
      },
    },
    isHealthy: () => Promise.resolve(isHealthy),
    onLost: () => calls.push('lost'),
    log: createLogger('test', 'silent'),
    returnWithinMs: 20,
  });
});

afterEach(() => vi.useRealTimers());

/** Checks again after `ms` milliseconds. */
async function lookAfter(ms: number): Promise<void> {
  vi.advanceTimersByTime(ms);
  await healthGate.check();
}

/** Working, on the first connection. */
async function work(): Promise<void> {
  await healthGate.open(first);
  await healthGate.check();
  calls = [];
}

test('nothing is consumed before it was seen that the instance can work', async () => {
  isHealthy = false;
  await healthGate.open(first);
  await healthGate.check();
  expect(calls).toEqual([]);
  isHealthy = true;
  await healthGate.check();
  expect(calls).toEqual(['open first']);
  expect(healthGate.suspended).toBe(false);
});

test('an instance that cannot work gives everything back once, and consumes again when it can', async () => {
  await work();
  isHealthy = false;
  await healthGate.check();
  await lookAfter(1_000);
  expect(calls).toEqual([]);
  await lookAfter(1_000);
  await lookAfter(10_000);
  expect(calls).toEqual(['give back']);
  expect(healthGate.suspended).toBe(true);
  isHealthy = true;
  await healthGate.check();
  expect(calls).toEqual(['give back', 'open first']);
});

test('a look that fails alone is no reason, however long it took', async () => {
  await work();
  for (let n = 0; n < 3; n++) {
    isHealthy = false;
    await lookAfter(10_000);
    isHealthy = true;
    await lookAfter(10_000);
  }
  expect(calls).toEqual([]);
});

test('it does not consume while what it took before is still being worked on', async () => {
  await work();
  [isHealthy, idle] = [false, false];
  await healthGate.check();
  await lookAfter(3_000);
  isHealthy = true;
  await healthGate.check();
  expect(calls).toEqual(['give back']);
  idle = true;
  await healthGate.check();
  expect(calls).toEqual(['give back', 'open first']);
});

test('a connection that comes while it cannot work is consumed from later', async () => {
  await work();
  isHealthy = false;
  await healthGate.check();
  await lookAfter(3_000);
  healthGate.close();
  await healthGate.open(second);
  expect(calls).toEqual(['give back', 'close']);
  isHealthy = true;
  await healthGate.check();
  expect(calls).toEqual(['give back', 'close', 'open second']);
});

test('while it works, each new connection is consumed from at once', async () => {
  await work();
  healthGate.close();
  await healthGate.open(second);
  expect(calls).toEqual(['close', 'open second']);
});

test('what is being opened is given back as well', async () => {
  await healthGate.check();
  const opened = Promise.withResolvers<undefined>();
  opening = opened.promise;
  const up = healthGate.open(first);
  isHealthy = false;
  await healthGate.check();
  const look = lookAfter(3_000);
  expect(calls).toEqual(['open first']);
  opened.resolve(undefined);
  await Promise.all([up, look]);
  expect(calls).toEqual(['open first', 'give back']);
});

test('consumers that cannot be opened: the connection is set up anew', async () => {
  isHealthy = false;
  await healthGate.open(first);
  opening = Promise.reject(new Error('no leader'));
  isHealthy = true;
  await healthGate.check();
  expect(calls).toEqual(['open first', 'lost']);
});

test('a broker that does not take everything back: the connection is ended', async () => {
  await work();
  givingBack = new Promise(() => undefined);
  isHealthy = false;
  await healthGate.check();
  await lookAfter(3_000);
  expect(calls).toEqual(['give back', 'lost']);
});
