import { expect, test } from 'vitest';
import { Owed } from './owed.ts';

test('an answer may be repeated as long as its name is remembered', () => {
  const owed = new Owed(2);
  owed.sent('a');
  expect([owed.answered('a'), owed.answered('a'), owed.answered('forged')]).toEqual([true, true, false]);
});

test('a name may be answered ten times, and again when it is sent again', () => {
  const owed = new Owed(2);
  owed.sent('a');
  const answers = Array.from({ length: 12 }, () => owed.answered('a'));
  expect(answers.filter((free) => free)).toHaveLength(10);
  expect(answers.at(-1)).toBe(false);
  owed.sent('a');
  expect(owed.answered('a')).toBe(true);
});

test('every message may be answered once, however long ago it was', () => {
  const owed = new Owed(2);
  const names = Array.from({ length: 10 }, (_, n) => `m${n}`);
  for (const name of names) owed.sent(name);
  expect(names.every((name) => owed.answered(name))).toBe(true);
  expect(owed.answered('m0')).toBe(false);
});

test('the latest names are known, also after those before them were forgotten', () => {
  const owed = new Owed(2);
  for (const name of ['a', 'b', 'c']) owed.sent(name);
  for (const name of ['a', 'b', 'c']) owed.answered(name);
  expect([owed.answered('b'), owed.answered('c')]).toEqual([true, true]);
  owed.sent('d');
  owed.sent('e');
  owed.answered('d');
  owed.answered('e');
  expect(['b', 'c', 'd', 'e'].map((name) => owed.answered(name))).toEqual([false, true, true, true]);
});

test('nothing sent, nothing to answer', () => {
  expect(new Owed(2).answered('a')).toBe(false);
});
