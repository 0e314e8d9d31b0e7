import { describe, expect, test } from 'vitest';
import { Ledger } from './ledger.ts';

/** Takes all steps of a message. */
function finish(ledger: Ledger, number: number, now: number): void {
  ledger.accepted(number, now);
  ledger.received(number);
  ledger.confirmed(number, now);
}

test('latency runs from when a message was due, in microseconds', () => {
  const ledger = new Ledger();
  const number = ledger.open(100);
  ledger.accepted(number, 101.5);
  ledger.received(number);
  ledger.confirmed(number, 104);
  expect([...ledger.latency.accepted.take()]).toEqual([1_500]);
  expect([...ledger.latency.confirmed.take()]).toEqual([4_000]);
  expect([...ledger.latency.confirmed.take()]).toEqual([]);
});

describe('what must not be is a fault', () => {
  test('accepted twice', () => {
    const ledger = new Ledger();
    const number = ledger.open(0);
    finish(ledger, number, 1);
    expect(ledger.faults).toEqual([]);
    ledger.accepted(number, 2);
    expect(ledger.faults).toHaveLength(1);
    expect(ledger.counts).toEqual({ sent: 1, accepted: 1, received: 1, confirmed: 1, again: 0 });
  });

  test('a message that was never sent, or whose place another one has', () => {
    const ledger = new Ledger(2);
    for (const now of [1, 2, 3]) finish(ledger, ledger.open(0), now);
    for (const strange of [NaN, 0, 1, 4]) expect(ledger.confirmed(strange, 9), String(strange)).toBe(false);
    expect(ledger.faults).toHaveLength(4);
  });

  test('one that is missing at the end', () => {
    const ledger = new Ledger();
    finish(ledger, ledger.open(0), 1);
    ledger.accepted(ledger.open(0), 1);
    ledger.close();
    expect(ledger.faults).toEqual([
      '2 messages were sent, 1 of them received',
      '2 messages were sent, 1 of them confirmed',
    ]);
  });
});

test.each(['received', 'confirmed'] as const)('%s twice is no fault, and counts once', (step) => {
  const ledger = new Ledger();
  const number = ledger.open(0);
  finish(ledger, number, 1);
  expect(ledger[step](number, 2)).toBe(false);
  expect(ledger.faults).toEqual([]);
  expect(ledger.counts).toEqual({ sent: 1, accepted: 1, received: 1, confirmed: 1, again: 1 });
});

test('more may not be under way than it can keep apart', () => {
  const ledger = new Ledger(2);
  ledger.open(0);
  ledger.open(0);
  expect(() => ledger.open(0)).toThrow('unfinished');
});
