import { expect, test } from 'vitest';
import { decide, NO_FAULTS, toggleDrop } from './faults.ts';

test('a drop takes one packet of its type, in its direction, and is over then', () => {
  const faults = toggleDrop(toggleDrop(NO_FAULTS, 'ack:R'), 'msg:N');
  expect(decide(faults, 'in', 'ack:N')).toEqual({ fate: 'passed', faults });
  expect(decide(faults, 'in', 'ack:R')).toEqual({ fate: 'passed', faults });
  const { fate, faults: left } = decide(faults, 'out', 'ack:R');
  expect(fate).toBe('dropped');
  expect(left.drop).toEqual(['msg:N']);
  expect(decide(left, 'out', 'ack:R').fate).toBe('passed');
});

test('pressing a switch again takes the fault back', () => {
  expect(toggleDrop(toggleDrop(NO_FAULTS, 'ack:N'), 'ack:N')).toEqual(NO_FAULTS);
});
