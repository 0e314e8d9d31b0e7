import { expect, test } from 'vitest';
import { RecentMessages } from './recent-messages.ts';
import { Outgoing } from './outgoing.ts';
import { Waiters } from './waiters.ts';

const nothing = () => undefined;
const actions = {
  giveUp: nothing,
  retry: nothing,
  changed: nothing,
  listenerThrew: nothing,
  waiters: new Waiters(),
};

function stored(id: string): Outgoing {
  const message = new Outgoing({ id, to: 'bob', bodyText: '' }, actions);
  message.apply('stored');
  return message;
}

test('remembers at least the newest 10,000, and never more than twice as many', () => {
  const recent = new RecentMessages();
  for (let n = 0; n < 35_000; n++) {
    recent.add(stored(`m${n}`));
    if (n % 500 === 0) expect(recent.get(`m${Math.max(0, n - 9_999)}`)).toBeDefined();
  }
  expect(recent.open().length).toBeLessThanOrEqual(20_000);
  expect(recent.get('m0')).toBeUndefined();
});

test('a message that settles is no longer open, and still known', () => {
  const recent = new RecentMessages();
  const message = stored('m1');
  recent.add(message);
  expect(recent.open()).toEqual([message]);
  message.apply('delivered');
  recent.add(message);
  expect(recent.open()).toEqual([]);
  expect(recent.get('m1')).toBe(message);
  recent.delete('m1');
  expect(recent.get('m1')).toBeUndefined();
});
