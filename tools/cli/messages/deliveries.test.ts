import { expect, test } from 'vitest';
import type { OutgoingState } from '../../../libs/client/index.ts';
import { EXIT } from '../exit.ts';
import { exitCodeOf, type Wait } from './deliveries.ts';

test.each<[OutgoingState, Wait, number]>([
  ['delivered', 'delivered', EXIT.done],
  ['read', 'delivered', EXIT.done],
  ['stored', 'delivered', EXIT.waiting],
  ['stored', 'stored', EXIT.done],
  ['delivered', 'stored', EXIT.done],
  ['sent', 'stored', EXIT.waiting],
  ['sent', 'accepted', EXIT.done],
  ['delivered', 'read', EXIT.waiting],
  ['sending', 'accepted', EXIT.unsent],
  ['sending', 'delivered', EXIT.unsent],
  ['rejected', 'accepted', EXIT.rejected],
  ['rejected', 'delivered', EXIT.rejected],
  ['failed', 'accepted', EXIT.rejected],
])('a message that is %s, waited for until %s: exit code %i', (state, wait, code) => {
  expect(exitCodeOf(state, wait)).toBe(code);
});
