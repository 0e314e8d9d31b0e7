import { expect, test } from 'vitest';
import { processNews } from './story.ts';
import { after, MESSAGE, packet, SIX_PACKETS, twoPeople } from './testing.ts';

const told = (...events: Parameters<typeof after>[1]) =>
  after(twoPeople(), events).story.map(({ text }) => text);

test('the six packets, in a sentence each; ack:A says nothing new', () => {
  expect(told(...SIX_PACKETS)).toEqual([
    'alice sends “hi” to bob through gateway-1.',
    'RabbitMQ has “hi” on disk: from here on the server alone is responsible.',
    'Routing found bob at gateway-2, which hands over “hi”.',
    'bob has “hi”, and confirms it.',
    'alice knows now: bob has “hi”.',
  ]);
  expect(after(twoPeople(), SIX_PACKETS).story.every(({ message }) => message === MESSAGE)).toBe(true);
});

test('a second msg:R is a retransmission, a second msg:N a copy that does not show', () => {
  const [, msgR, , msgN] = SIX_PACKETS;
  if (!msgR || !msgN) throw new Error('six packets begin with these');
  const [again, copy] = told(...SIX_PACKETS, msgR, msgN).slice(-2);
  expect(again).toBe('No receipt yet: alice sends “hi” to bob again, with the same id (try 2).');
  expect(copy).toContain('shows it once');
});

test('what was lost is told, and did not arrive: the next one is no copy', () => {
  const lost = packet('bob', 'in', { type: 'msg:N', id: 'm1', from: 'alice' }, 'dropped');
  const next = packet('bob', 'in', { type: 'msg:N', id: 'm1', from: 'alice' });
  const [first, second] = told(lost, next);
  expect(first).toContain('The network lost msg:N');
  expect(second).toContain('hands over');
});

test('a process that ended, and one that came back', () => {
  const up = { name: 'ack-1', pid: 1, running: true };
  expect(processNews([up], [up])).toEqual([]);
  expect(processNews([up], [{ ...up, running: false }])).toEqual([{ text: 'ack-1 is dead.', tone: 'bad' }]);
  expect(processNews([{ ...up, running: false }], [{ ...up, pid: 2 }])[0]?.text).toContain('runs again');
});
