import type { ChannelModel } from 'amqplib';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createLogger } from '#libs/runtime/logger.ts';
import { Suspension } from './suspension.ts';

const first = { name: 'first' } as unknown as ChannelModel;
const second = { name: 'second' } as unknown as ChannelModel;

/** What was asked of the consumers, in order. */
let calls: string[];
let able: boolean;
let idle: boolean;
let opening: Promise<void>;
let givingBack: Promise<void>;
let suspension: Suspension;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
  [calls, able, idle] = [[], true, true];
  opening = givingBack = Promise.resolve();
  suspension = new Suspension({
    consumers: {
      open: (connection) => {
        calls.push(`open ${(connection as unknown as { name: string }).name}`);
        return opening;
      },
      close: () => calls.push('close'),
      giveBack: () => {
        calls.push('give back');
        return givingBack;
      },
      get idle() {
        return idle;
      },
    },
    able: () => Promise.resolve(able),
    onLost: () => calls.push('lost'),
    log: createLogger('test', 'silent'),
    giveBackWithinMs: 20,
  });
});

afterEach(() => vi.useRealTimers());

/** Checks again after `ms` milliseconds. */
async function lookAfter(ms: number): Promise<void> {
  vi.advanceTimersByTime(ms);
  await suspension.look();
}

/** Working, on the first connection. */
async function work(): Promise<void> {
  await suspension.open(first);
  await suspension.look();
  calls = [];
}

test('nothing is consumed before it was seen that the instance can work', async () => {
  able = false;
  await suspension.open(first);
  await suspension.look();
  expect(calls).toEqual([]);
  able = true;
  await suspension.look();
  expect(calls).toEqual(['open first']);
  expect(suspension.suspended).toBe(false);
});

test('an instance that cannot work gives everything back once, and consumes again when it can', async () => {
  await work();
  able = false;
  await suspension.look();
  await lookAfter(1_000);
  expect(calls).toEqual([]);
  await lookAfter(1_000);
  await lookAfter(10_000);
  expect(calls).toEqual(['give back']);
  expect(suspension.suspended).toBe(true);
  able = true;
  await suspension.look();
  expect(calls).toEqual(['give back', 'open first']);
});

test('a look that fails alone is no reason, however long it took', async () => {
  await work();
  for (let n = 0; n < 3; n++) {
    able = false;
    await lookAfter(10_000);
    able = true;
    await lookAfter(10_000);
  }
  expect(calls).toEqual([]);
});

test('it does not consume while what it took before is still being worked on', async () => {
  await work();
  [able, idle] = [false, false];
  await suspension.look();
  await lookAfter(3_000);
  able = true;
  await suspension.look();
  expect(calls).toEqual(['give back']);
  idle = true;
  await suspension.look();
  expect(calls).toEqual(['give back', 'open first']);
});

test('a connection that comes while it cannot work is consumed from later', async () => {
  await work();
  able = false;
  await suspension.look();
  await lookAfter(3_000);
  suspension.close();
  await suspension.open(second);
  expect(calls).toEqual(['give back', 'close']);
  able = true;
  await suspension.look();
  expect(calls).toEqual(['give back', 'close', 'open second']);
});

test('while it works, each new connection is consumed from at once', async () => {
  await work();
  suspension.close();
  await suspension.open(second);
  expect(calls).toEqual(['close', 'open second']);
});

test('what is being opened is given back as well', async () => {
  await suspension.look();
  const opened = Promise.withResolvers<undefined>();
  opening = opened.promise;
  const up = suspension.open(first);
  able = false;
  await suspension.look();
  const look = lookAfter(3_000);
  expect(calls).toEqual(['open first']);
  opened.resolve(undefined);
  await Promise.all([up, look]);
  expect(calls).toEqual(['open first', 'give back']);
});

test('consumers that cannot be opened: the connection is set up anew', async () => {
  able = false;
  await suspension.open(first);
  opening = Promise.reject(new Error('no leader'));
  able = true;
  await suspension.look();
  expect(calls).toEqual(['open first', 'lost']);
});

test('a broker that does not take everything back: the connection is ended', async () => {
  await work();
  givingBack = new Promise(() => undefined);
  able = false;
  await suspension.look();
  await lookAfter(3_000);
  expect(calls).toEqual(['give back', 'lost']);
});
