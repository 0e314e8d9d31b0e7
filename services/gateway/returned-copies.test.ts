import { expect, test } from 'vitest';
import { MAX_NAMES, ReturnedCopies } from './returned-copies.ts';

test('knows what was returned, and nothing else', () => {
  const copies = new ReturnedCopies();
  copies.add('alice 1');
  expect([copies.mayHave('alice 1'), copies.mayHave('alice 2')]).toEqual([true, false]);
});

test('says of every copy that it may have been returned, once there were too many to remember', () => {
  const copies = new ReturnedCopies();
  for (let n = 0; n <= MAX_NAMES; n++) copies.add(`alice ${n}`);
  expect([copies.mayHave('alice 0'), copies.mayHave('bob 1')]).toEqual([true, true]);
});
