import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { SessionLocation, UserLocation } from '#libs/store/presence.ts';
import { MAX_USERS, PresenceCache } from './presence-cache.ts';

const KEEP_MS = 10_000;
const at = (gateway: string): SessionLocation => ({ gateway, session: `session-at-${gateway}` });

const bobAt = (gateway: string) => new Map([['bob', { sessions: [at(gateway)], validMs: 15_000 }]]);

/** What the database knows, and whom it was asked for. */
let sessions: Map<string, SessionLocation[]>;
/** How long leases last yet. */
let validMs: number;
let asked: string[][];

const lookUp = (users: Iterable<string>) => {
  asked.push([...users]);
  const found = new Map<string, UserLocation>();
  for (const user of users) {
    const known = sessions.get(user);
    if (known) found.set(user, { sessions: known, validMs });
  }
  return Promise.resolve(found);
};

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] });
  vi.advanceTimersByTime(1_000); // 0 is no time to lru-cache
  sessions = new Map([['bob', [at('g1')]]]);
  validMs = 15_000;
  asked = [];
});

afterEach(() => vi.useRealTimers());

test('a user is looked up once, however often the messages come', async () => {
  const cache = new PresenceCache(lookUp, KEEP_MS);
  expect(await cache.find(['bob', 'bob'])).toEqual(new Map([['bob', { sessions: [at('g1')], validMs }]]));
  expect(await cache.find(['bob'])).toEqual(new Map([['bob', { sessions: [at('g1')], validMs }]]));
  expect(asked).toEqual([['bob']]);
});

test('a user whose sessions change is looked up again, the others are not', async () => {
  sessions.set('carol', [at('g2')]);
  const cache = new PresenceCache(lookUp, KEEP_MS);
  await cache.find(['bob', 'carol']);
  sessions.set('bob', [at('g1'), at('g2')]);
  cache.forget('bob');
  expect((await cache.find(['bob', 'carol'])).get('bob')?.sessions).toEqual([at('g1'), at('g2')]);
  expect(asked).toEqual([['bob', 'carol'], ['bob']]);
});

test('who is away is asked for every time: the next login may be at another instance', async () => {
  const cache = new PresenceCache(lookUp, KEEP_MS);
  expect(await cache.find(['nobody'])).toEqual(new Map());
  sessions.set('nobody', [at('g1')]);
  expect((await cache.find(['nobody'])).has('nobody')).toBe(true);
});

test('when everything is forgotten, an answer that is still under way is not kept', async () => {
  const answer = Promise.withResolvers<Map<string, UserLocation>>();
  const answers = [answer.promise, Promise.resolve(bobAt('g2'))];
  const cache = new PresenceCache(() => answers.shift() ?? Promise.reject(new Error()), KEEP_MS);
  const first = cache.find(['bob']);
  cache.forgetAll();
  answer.resolve(bobAt('g1'));
  expect((await first).get('bob')?.sessions).toEqual([at('g1')]);
  expect((await cache.find(['bob'])).get('bob')?.sessions).toEqual([at('g2')]);
});

test('work that began before everything was forgotten neither adds to what is known since, nor reads it', async () => {
  const cache = new PresenceCache(lookUp, KEEP_MS);
  const { generation } = cache;
  cache.forgetAll();
  await cache.find(['bob'], generation);
  sessions.set('bob', [at('g2')]);
  expect((await cache.find(['bob'])).get('bob')?.sessions).toEqual([at('g2')]);
  sessions.set('bob', [at('g3')]);
  expect((await cache.find(['bob'], generation)).get('bob')?.sessions).toEqual([at('g3')]);
});

test.each([
  { until: 'its time is over', leaseMs: 15_000, counts: KEEP_MS },
  { until: 'the lease of a gateway that it names ends', leaseMs: 3_000, counts: 3_000 },
])('an answer counts until $until', async ({ leaseMs, counts }) => {
  validMs = leaseMs;
  const cache = new PresenceCache(lookUp, KEEP_MS);
  await cache.find(['bob']);
  vi.advanceTimersByTime(counts - 500);
  await cache.find(['bob']);
  expect(asked).toHaveLength(1);
  vi.advanceTimersByTime(1_000);
  await cache.find(['bob']);
  expect(asked).toHaveLength(2);
});

test('with 0 nothing is kept', async () => {
  const cache = new PresenceCache(lookUp, 0);
  await cache.find(['bob']);
  await cache.find(['bob']);
  expect(asked).toHaveLength(2);
});

test('the number of users is bounded', async () => {
  const cache = new PresenceCache(lookUp, KEEP_MS);
  const many = Array.from({ length: MAX_USERS }, (_, n) => `user-${n}`);
  for (const user of many) sessions.set(user, [at('g1')]);
  await cache.find(['bob']);
  await cache.find(many);
  await cache.find(['bob', 'user-1']);
  expect(asked.at(-1)).toEqual(['bob']);
});
