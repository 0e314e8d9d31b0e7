import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { bodyText, StateLines } from './lines.ts';

const shown = (lines: readonly string[]) => lines.map((line) => stripVTControlCharacters(line).trim());

test('each state is told once, receivers with the same news in one line', () => {
  const states = new StateLines();
  states.sent('m1', 'hello');
  const both = (bob: 'sent' | 'delivered', carol: 'sent' | 'stored') => ({
    id: 'm1',
    receivers: [
      { to: 'bob', state: bob },
      { to: 'carol', state: carol },
    ],
  });
  expect(shown(states.linesFor(both('sent', 'sent')))).toEqual(['sent: bob, carol (hello)']);
  expect(shown(states.linesFor(both('delivered', 'stored')))).toEqual([
    'delivered: bob (hello)',
    'stored: carol (hello)',
  ]);
  expect(states.linesFor(both('delivered', 'stored'))).toEqual([]);
});

test('why a message was rejected is told', () => {
  const receivers = [{ to: 'bob', state: 'rejected' as const, reason: 'mailbox_full' }];
  const [line] = shown(new StateLines().linesFor({ id: 'm1', receivers }));
  expect(line).toBe('rejected mailbox_full: bob (of an earlier run)');
});

test('a body cannot control the terminal', () => {
  expect(bodyText('a\u001b[2J\u009b1mb\nc')).toBe('a [2J 1mb ⏎ c');
  expect(bodyText({ text: '\u001b' })).toBe('{"text":"\\u001b"}');
});
