import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nextState, type OutgoingEvent, type OutgoingState, prospect } from './outgoing-state.ts';

const STATES = ['sending', 'sent', 'stored', 'delivered', 'read', 'rejected', 'failed'] as const;
const EVENTS = ['accepted', 'stored', 'delivered', 'read', 'rejected', 'given up', 'retried'] as const;
const history = fc.array(fc.constantFrom<OutgoingEvent>(...EVENTS), { maxLength: 12 });

/** All states that a history leads through, the first included. */
function path(events: readonly OutgoingEvent[]): OutgoingState[] {
  const states: OutgoingState[] = ['sending'];
  for (const event of events) states.push(nextState(states.at(-1) ?? 'sending', event));
  return states;
}

const KNOWLEDGE: Record<OutgoingState, number> = {
  sending: 0,
  failed: 0,
  sent: 1,
  stored: 2,
  delivered: 3,
  read: 4,
  rejected: 3,
};

describe('the state of a message', () => {
  test('never goes back', () => {
    fc.assert(
      fc.property(history, (events) => {
        const ranks = path(events).map((state) => KNOWLEDGE[state]);
        expect(ranks).toEqual([...ranks].sort((a, b) => a - b));
      }),
    );
  });

  test('can become failed only while it is sending', () => {
    fc.assert(
      fc.property(history, (events) => {
        const states = path(events);
        states.forEach((state, index) => {
          if (state === 'failed' && states[index - 1] !== 'failed') expect(states[index - 1]).toBe('sending');
        });
      }),
    );
  });

  test('is never failed once the server spoke of it', () => {
    fc.assert(
      fc.property(history, (events) => {
        const spoke = events.some((event) => event !== 'given up' && event !== 'retried');
        expect(['sending', 'failed'].includes(path(events).at(-1) ?? '')).toBe(!spoke);
      }),
    );
  });

  test('is the furthest that the server told, in whatever order it arrived', () => {
    fc.assert(
      fc.property(history, (events) => {
        const final = events.find((event) => ['delivered', 'read', 'rejected'].includes(event));
        const isRead = final !== 'rejected' && events.includes('read');
        const told =
          (isRead ? 'read' : final) ??
          (events.includes('stored') ? 'stored' : events.includes('accepted') ? 'sent' : undefined);
        if (told !== undefined) expect(path(events).at(-1)).toBe(told);
      }),
    );
  });

  test.each([
    ['sending', 'accepted', 'sent'],
    ['sending', 'stored', 'stored'],
    ['sent', 'given up', 'sent'],
    ['sent', 'retried', 'sent'],
    ['stored', 'delivered', 'delivered'],
    ['stored', 'rejected', 'rejected'],
    ['stored', 'accepted', 'stored'],
    ['delivered', 'stored', 'delivered'],
    ['delivered', 'rejected', 'delivered'],
    ['rejected', 'delivered', 'rejected'],
    ['sent', 'read', 'read'],
    ['stored', 'read', 'read'],
    ['delivered', 'read', 'read'],
    ['read', 'delivered', 'read'],
    ['read', 'rejected', 'read'],
    ['rejected', 'read', 'rejected'],
    ['failed', 'accepted', 'sent'],
    ['failed', 'delivered', 'delivered'],
    ['failed', 'retried', 'sending'],
  ] as const)('%s, then %s: %s', (state, event, then) => {
    expect(nextState(state, event)).toBe(then);
  });
});

describe('what can still come', () => {
  test('"there" and "never" hold for ever, but for a failed message', () => {
    const wanted = fc.constantFrom(
      'sent' as const,
      'stored' as const,
      'delivered' as const,
      'read' as const,
      'settled' as const,
    );
    fc.assert(
      fc.property(fc.constantFrom<OutgoingState>(...STATES), wanted, history, (start, target, events) => {
        const before = prospect(start, target);
        const after = prospect(events.reduce(nextState, start), target);
        if (before === 'maybe' || start === 'failed') return;
        if (before === 'never' || target !== 'stored') expect(after).toBe(before);
      }),
    );
  });

  test.each([
    ['sending', 'sent', 'maybe'],
    ['stored', 'sent', 'there'],
    ['rejected', 'sent', 'there'],
    ['delivered', 'stored', 'there'],
    ['rejected', 'stored', 'never'],
    ['rejected', 'delivered', 'never'],
    ['rejected', 'settled', 'there'],
    ['stored', 'settled', 'maybe'],
    ['delivered', 'read', 'maybe'],
    ['read', 'settled', 'there'],
    ['read', 'delivered', 'there'],
    ['rejected', 'read', 'never'],
    ['failed', 'settled', 'never'],
    ['failed', 'sent', 'never'],
  ] as const)('%s, waiting for %s: %s', (state, wanted, outlook) => {
    expect(prospect(state, wanted)).toBe(outlook);
  });
});
