import { expect, test } from 'vitest';
import { addEntry, advance, type Entry, markSeen, sentEntry, stateOf, unseen, wired } from './entries.ts';

const sent = sentEntry('alice', 'm1', ['bob', 'carol'], 'hi', 100);
const came: Entry = { key: 'bob/x', from: 'bob', id: 'x', text: 'hello', at: 50 };

test('a message shows once, however often it comes, and stands where its time is', () => {
  const entries = addEntry(addEntry(addEntry([], sent), came), { ...came, text: 'again' });
  expect(entries).toEqual([came, sent]);
});

test('queued until msg:R is on the wire; each further one is a try', () => {
  const once = wired([sent], sent.key);
  expect(once[0]?.fates?.map(({ state }) => state)).toEqual(['sent', 'sent']);
  expect(wired(once, sent.key)[0]?.tries).toBe(2);
});

test('each receiver has its own state, which never goes back; the message has the least advanced', () => {
  const [entry] = advance([sent], sent.key, [{ to: 'bob', state: 'delivered' }]);
  expect(entry && stateOf(entry)).toBe('queued');
  const [later] = advance(entry ? [entry] : [], sent.key, [
    { to: 'bob', state: 'stored' },
    { to: 'carol', state: 'stored' },
  ]);
  expect(later?.fates?.map(({ state }) => state)).toEqual(['delivered', 'stored']);
  expect(later && stateOf(later)).toBe('stored');
});

test('a rejected message stays rejected, and an accepted one cannot fail', () => {
  const rejected = advance([sent], sent.key, [{ to: 'bob', state: 'rejected', reason: 'expired' }]);
  expect(advance(rejected, sent.key, [{ to: 'bob', state: 'read' }])[0]?.fates?.[0]?.state).toBe('rejected');
  const accepted = advance([sent], sent.key, [{ to: 'bob', state: 'accepted' }]);
  expect(advance(accepted, sent.key, [{ to: 'bob', state: 'failed' }])).toEqual(accepted);
});

test('only what came counts as unseen, until somebody looks', () => {
  expect(unseen([came, sent])).toEqual([came]);
  expect(unseen(markSeen([came, sent], new Set([came.key])))).toEqual([]);
});
