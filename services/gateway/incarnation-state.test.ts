import { expect, test } from 'vitest';
import { stateOf } from './incarnation-state.ts';

const NONE = { connected: false, settling: false, granted: false, holds: false };

test('an incarnation goes from none over asking and settling to ready, and between ready and stale', () => {
  expect(stateOf(NONE)).toBe('none');
  expect(stateOf({ ...NONE, connected: true })).toBe('asking');
  expect(stateOf({ ...NONE, connected: true, settling: true })).toBe('settling');
  expect(stateOf({ ...NONE, connected: true, granted: true, holds: true })).toBe('ready');
  expect(stateOf({ ...NONE, connected: true, granted: true })).toBe('stale');
});
