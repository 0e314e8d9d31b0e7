import { expect, test } from 'vitest';
import { fairShare } from './partitions.ts';

test.each([
  [8, 1, 8],
  [8, 2, 4],
  [8, 3, 3],
  [8, 9, 1],
  [8, 0, 8],
])('of %i partitions, each of %i instances has at most %i', (partitions, instances, most) => {
  expect(fairShare(partitions, instances)).toBe(most);
});
