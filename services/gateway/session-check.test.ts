import { expect, test } from 'vitest';
import { MAX_CHECKED, SessionCheck } from './session-check.ts';

const REST_MS = 1_000;
const NOW = 5_000;

function sessionsOf(count: number, change: (n: number) => object = () => ({})) {
  const all = Array.from({ length: count }, (_, n) => ({
    id: `s${n}`,
    user: `u${n}`,
    registered: true,
    announcedAt: 0,
    aloneAt: undefined,
    ...change(n),
  }));
  return new Map(all.map((session) => [session.id, session]));
}

test('each session comes once a round, so many at a time; then the next round begins', () => {
  const sessions = sessionsOf(2 * MAX_CHECKED + 1);
  const check = new SessionCheck(sessions, REST_MS);
  const round = [check.next(NOW), check.next(NOW), check.next(NOW)];
  expect(round.map(({ length }) => length)).toEqual([MAX_CHECKED, MAX_CHECKED, 1]);
  expect(round.flat().map(({ session }) => session)).toEqual([...sessions.keys()]);
  expect(check.next(NOW)).toEqual(round[0]);
});

test('those that come and go meanwhile do not disturb it', () => {
  const sessions = sessionsOf(MAX_CHECKED + 2);
  const check = new SessionCheck(sessions, REST_MS);
  check.next(NOW);
  sessions.delete('s0');
  sessions.delete(`s${MAX_CHECKED}`);
  sessions.set('new', { id: 'new', user: 'u', registered: true, announcedAt: 0, aloneAt: undefined });
  expect(check.next(NOW).map(({ session }) => session)).toEqual([`s${MAX_CHECKED + 1}`, 'new']);
});

test('who is not logged in yet, or was announced a moment ago, is left out', () => {
  const sessions = sessionsOf(4, (n) => ({ registered: n !== 1, announcedAt: n === 2 ? NOW - 999 : 0 }));
  expect(new SessionCheck(sessions, REST_MS).next(NOW)).toEqual([
    { user: 'u0', session: 's0' },
    { user: 'u3', session: 's3' },
  ]);
});

test('one that is alone, as far as the gateway knows, is to be compared in that respect', () => {
  const sessions = sessionsOf(2, (n) => ({ aloneAt: n === 1 ? 'g.1' : undefined }));
  expect(new SessionCheck(sessions, REST_MS).next(NOW)).toEqual([
    { user: 'u0', session: 's0' },
    { user: 'u1', session: 's1', alone: true },
  ]);
});

test('nobody there: nothing to check', () => {
  const check = new SessionCheck(new Map(), REST_MS);
  expect([check.next(), check.next()]).toEqual([[], []]);
});
