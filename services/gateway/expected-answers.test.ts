import { expect, test } from 'vitest';
import { ExpectedAnswers } from './expected-answers.ts';

test('an answer may be repeated as long as its name is remembered', () => {
  const expected = new ExpectedAnswers(2);
  expected.sent('a');
  expect([expected.answered('a'), expected.answered('a'), expected.answered('forged')]).toEqual([
    true,
    true,
    false,
  ]);
});

test('a name may be answered ten times, and again when it is sent again', () => {
  const expected = new ExpectedAnswers(2);
  expected.sent('a');
  const answers = Array.from({ length: 12 }, () => expected.answered('a'));
  expect(answers.filter((free) => free)).toHaveLength(10);
  expect(answers.at(-1)).toBe(false);
  expected.sent('a');
  expect(expected.answered('a')).toBe(true);
});

test('every message may be answered once, however long ago it was', () => {
  const expected = new ExpectedAnswers(2);
  const names = Array.from({ length: 10 }, (_, n) => `m${n}`);
  for (const key of names) expected.sent(key);
  expect(names.every((key) => expected.answered(key))).toBe(true);
  expect(expected.answered('m0')).toBe(false);
});

test('the latest names are known, also after those before them were forgotten', () => {
  const expected = new ExpectedAnswers(2);
  for (const key of ['a', 'b', 'c']) expected.sent(key);
  for (const key of ['a', 'b', 'c']) expected.answered(key);
  expect([expected.answered('b'), expected.answered('c')]).toEqual([true, true]);
  expected.sent('d');
  expected.sent('e');
  expected.answered('d');
  expected.answered('e');
  expect(['b', 'c', 'd', 'e'].map((key) => expected.answered(key))).toEqual([false, true, true, true]);
});

test('nothing sent, nothing to answer', () => {
  expect(new ExpectedAnswers(2).answered('a')).toBe(false);
});
