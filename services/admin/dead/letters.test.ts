import { expect, test } from 'vitest';
import { lettersOf, shown, written } from './letters.ts';

const SECRET = 'a body that is nobody else’s business';
const entry = { kind: 'message', from: 'alice', id: 'm1', to: 'bob', body: JSON.stringify(SECRET), at: 1 };
const read = (value: unknown, headers = {}) =>
  lettersOf({ content: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)), headers });
const letterFrom = (queue: string, content: unknown) =>
  read([{ reason: 'why', content: typeof content === 'string' ? content : JSON.stringify(content), queue }]);

test('a group of letters: each with what it is about, and no body', () => {
  const letters = read([
    { reason: 'to: Invalid', content: JSON.stringify({ ...entry, to: 5 }), queue: 'sixfold.route.3', at: 7 },
    { reason: 'kind: Invalid', content: '{"kind":"typing","user":"bob"}', queue: 'sixfold.ack' },
  ]);
  expect(letters).toMatchObject([
    { reason: 'to: Invalid', at: 7, entries: [{ kind: 'message', from: 'alice', id: 'm1' }] },
    { reason: 'kind: Invalid', at: undefined, entries: [{ kind: 'typing', user: 'bob' }] },
  ]);
  expect(JSON.stringify(letters.map(shown))).not.toContain(SECRET);
});

test('a message that the broker put aside: whole, with its reason and queue', () => {
  const death = { reason: 'delivery_limit', queue: 'sixfold.route.1', time: { '!': 'timestamp', value: 9 } };
  const [letter, ...others] = read([entry, entry], { 'x-death': [death] });
  expect(others).toEqual([]);
  expect(letter).toMatchObject({
    reason: 'by the broker: delivery_limit',
    at: 9_000,
    target: 'sixfold.route.1',
  });
  expect(letter?.entries).toHaveLength(2);
});

test.each([
  ['sixfold.route.12', 'sixfold.route.12'],
  ['sixfold.ack', 'sixfold.ack'],
  ['sixfold.returned', 'sixfold.returned'],
  ['sixfold.webhook', 'sixfold.webhook'],
  ['sixfold.gateway.g.1', 'sixfold.returned'],
  ['sixfold.dead', undefined],
  ['somebody-elses', undefined],
])('what was read from %s goes to %s', (queue, target) => {
  expect(letterFrom(queue, entry)[0]?.target).toBe(target);
});

test('what is not JSON would come back at once: it cannot be requeued', () => {
  expect(letterFrom('sixfold.ack', '[{"kind":"ack"')).toMatchObject([{ target: undefined, entries: [] }]);
  expect(read('no letter at all')).toMatchObject([{ queue: undefined, target: undefined }]);
});

test('what would do something to a terminal is not shown', () => {
  const [letter] = letterFrom('sixfold.ack', { kind: '\u001b[2J', from: 'a\u0007', id: '<x>', to: 'bob' });
  expect(letter?.entries).toEqual([{ kind: '?', to: 'bob' }]);
});

test('an event is shown by its type', () => {
  const event = { type: 'message.stored', event: 'x'.repeat(22), from: 'alice', id: 'm1', to: 'bob', at: 1 };
  expect(letterFrom('sixfold.webhook', event)[0]?.entries).toEqual([
    { kind: 'message.stored', from: 'alice', id: 'm1', to: 'bob' },
  ]);
});

test('put back, a letter is what it was; the same content has the same name', () => {
  const [letter] = letterFrom('sixfold.ack', entry);
  const [again] = read([letter && written(letter)]);
  expect(again).toEqual(letter);
  expect(letterFrom('sixfold.returned', entry)[0]?.letter).not.toBe(letter?.letter);
});
