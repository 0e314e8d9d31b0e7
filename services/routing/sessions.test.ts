import { expect, test } from 'vitest';
import type { Delivery } from '#libs/broker/delivery.ts';
import type { SessionDown, SessionUp } from '#libs/broker/entries.ts';
import { summarize } from './sessions.ts';

/** Session s1 logged in at 1, s2 at 2. */
const up = (user: string, session: string, device = 'default', over: Partial<SessionUp> = {}): SessionUp => ({
  kind: 'session-up',
  user,
  device,
  session,
  gateway: 'g.1',
  since: Number(session.slice(1)),
  again: false,
  ...over,
});
const down = (user: string, session: string): SessionDown => ({ kind: 'session-down', user, session });

function changes(...entries: (SessionUp | SessionDown)[]) {
  const { ups, replaced, late, downs } = summarize(
    entries.map((entry) => ({ entry, delivery: {} as unknown as Delivery })),
  );
  return {
    ups: ups.map(({ entry }) => entry.session),
    replaced: replaced.map(({ entry }) => entry.session),
    late: late.map(({ entry, than }) => [entry.session, than]),
    downs: downs.map(({ session }) => session),
  };
}

test('of several sessions in one place the last one stays, the others are told', () => {
  expect(changes(up('bob', 's1'), up('bob', 's2'), up('bob', 's3'))).toEqual({
    ups: ['s3'],
    replaced: ['s1', 's2'],
    late: [],
    downs: [],
  });
});

test('a session that is announced twice is not its own replacement', () => {
  expect(changes(up('bob', 's1'), up('bob', 's1'))).toEqual({
    ups: ['s1'],
    replaced: [],
    late: [],
    downs: [],
  });
});

test('a session does not displace one that logged in later, or at the same time', () => {
  const expected = { ups: ['s2'], replaced: [], late: [['s1', 2]], downs: [] };
  expect(changes(up('bob', 's2'), up('bob', 's1'))).toEqual(expected);
  expect(changes(up('bob', 's2'), up('bob', 's1', 'default', { again: true }))).toEqual(expected);
  expect(changes(up('bob', 's2'), up('bob', 's1', 'default', { since: 2 }))).toEqual(expected);
});

test('a session that went down within the batch is not registered', () => {
  expect(changes(up('bob', 's1'), down('bob', 's1'))).toEqual({
    ups: [],
    replaced: [],
    late: [],
    downs: ['s1'],
  });
});

test('the end of an old session does not take its successor along', () => {
  expect(changes(up('bob', 's2'), down('bob', 's1'))).toEqual({
    ups: ['s2'],
    replaced: [],
    late: [],
    downs: ['s1'],
  });
});

test('devices are places of their own', () => {
  expect(changes(up('bob', 's1', 'phone'), up('bob', 's2', 'laptop')).ups).toEqual(['s1', 's2']);
});
