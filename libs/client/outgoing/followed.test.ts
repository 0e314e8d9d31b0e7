import { expect, test } from 'vitest';
import { Followed } from './followed.ts';
import { Outgoing } from './outgoing.ts';
import { Waiting } from './waiting.ts';

const nothing = () => undefined;
const actions = {
  giveUp: nothing,
  retry: nothing,
  changed: nothing,
  listenerThrew: nothing,
  waiting: new Waiting(),
};

function stored(id: string): Outgoing {
  const message = new Outgoing({ id, to: 'bob', bodyText: '' }, actions);
  message.apply('stored');
  return message;
}

test('remembers at least the newest 10,000, and never more than twice as many', () => {
  const followed = new Followed();
  for (let n = 0; n < 35_000; n++) {
    followed.add(stored(`m${n}`));
    if (n % 500 === 0) expect(followed.get(`m${Math.max(0, n - 9_999)}`)).toBeDefined();
  }
  expect(followed.open().length).toBeLessThanOrEqual(20_000);
  expect(followed.get('m0')).toBeUndefined();
});

test('a message that settles is no longer open, and still known', () => {
  const followed = new Followed();
  const message = stored('m1');
  followed.add(message);
  expect(followed.open()).toEqual([message]);
  message.apply('delivered');
  followed.add(message);
  expect(followed.open()).toEqual([]);
  expect(followed.get('m1')).toBe(message);
  followed.delete('m1');
  expect(followed.get('m1')).toBeUndefined();
});
