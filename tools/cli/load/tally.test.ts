import { expect, test } from 'vitest';
import { isHere } from './command.ts';
import { Tally } from './tally.ts';

const message = (delivered: boolean) => ({
  accepted: () => Promise.resolve('sent' as const),
  reached: () => (delivered ? Promise.resolve('delivered' as const) : Promise.reject(new Error('rejected'))),
});

test('latency counts from the moment that a message was due; one that fails is counted as missing', async () => {
  const tally = new Tally(() => 1_000);
  tally.follow(message(true), 900);
  tally.follow(message(false), 950);
  tally.leaveOut();
  expect(tally.underWay).toBe(2);
  await new Promise((resolve) => setImmediate(resolve));
  expect(tally.underWay).toBe(0);
  const { latencyMs, ...counts } = tally.result(2);
  expect(counts).toEqual({ sent: 2, leftOut: 1, accepted: 2, delivered: 1, perS: 0.5 });
  expect(latencyMs.delivered.p50).toBeCloseTo(100, 0);
});

test.each([
  ['ws://127.0.0.1:8080/ws', true],
  ['ws://localhost:8080/ws', true],
  ['ws://[::1]:8080/ws', true],
  ['wss://chat.example/ws', false],
])('%s is on this machine: %s', (url, here) => {
  expect(isHere(url)).toBe(here);
});
