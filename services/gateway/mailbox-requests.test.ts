import { expect, test } from 'vitest';
import type { Pending } from '#libs/runtime/group-commit.ts';
import { MAX_WAITING_REQUESTS, PAGE_TIMEOUT_MS, MailboxRequests } from './mailbox-requests.ts';

function open(published: (pending: Pending) => void = () => undefined) {
  const told: string[] = [];
  const pending: Pending[] = [];
  const mailboxRequests = new MailboxRequests({
    requestPage: ({ limit, ask, now }, one) => {
      told.push(`ask ${ask} for ${limit}${now === undefined ? '' : ` at ${now}`}`);
      pending.push(one);
      published(one);
    },
    unavailable: () => told.push('unavailable'),
  });
  return { mailboxRequests, told, pending };
}

test('one is under way; the others wait for its answer, each with its own limit', () => {
  const { mailboxRequests, told } = open();
  for (const limit of [100, 5, 7]) expect(mailboxRequests.request(limit)).toBe(true);
  expect(told).toEqual(['ask 1 for 100']);
  expect(mailboxRequests.answered(1)).toBe(true);
  expect(told.slice(1)).toEqual(['ask 2 for 5']);
  expect(mailboxRequests.answered(2)).toBe(true);
  expect(mailboxRequests.answered(3)).toBe(true);
  expect(mailboxRequests.request(9)).toBe(true);
  expect(told.slice(2)).toEqual(['ask 3 for 7', 'ask 4 for 9']);
});

test('beyond the bound a further one is refused', () => {
  const { mailboxRequests, told } = open();
  const taken = Array.from({ length: 100 }, () => mailboxRequests.request(1)).filter(Boolean);
  expect(taken).toHaveLength(1 + MAX_WAITING_REQUESTS);
  expect(told).toHaveLength(1);
});

test('an answer that never comes: the client is told in time, and the next one is asked', () => {
  const { mailboxRequests, told } = open();
  mailboxRequests.request(1);
  mailboxRequests.request(2);
  const asked = performance.now();
  mailboxRequests.expire(asked + PAGE_TIMEOUT_MS / 2);
  expect(told).toHaveLength(1);
  mailboxRequests.expire(asked + PAGE_TIMEOUT_MS + 1);
  expect(told.slice(1)).toEqual(['unavailable', 'ask 2 for 2']);
});

test('an answer that comes late is handed on, once, and does not end the one under way', () => {
  const { mailboxRequests, told } = open();
  mailboxRequests.request(1);
  mailboxRequests.expire(performance.now() + PAGE_TIMEOUT_MS);
  mailboxRequests.request(2);
  mailboxRequests.request(3);
  expect(mailboxRequests.answered(1)).toBe(true);
  expect(mailboxRequests.answered(1)).toBe(false);
  expect(told).toEqual(['ask 1 for 1', 'unavailable', 'ask 2 for 2']);
  expect(mailboxRequests.answered(2)).toBe(true);
  expect(mailboxRequests.answered(2)).toBe(false);
  expect(told.slice(3)).toEqual(['ask 3 for 3']);
});

test('a question that does not get through is told, and so is each that waits when none does', () => {
  const { mailboxRequests, told, pending } = open();
  mailboxRequests.request(1);
  pending[0]?.settled(new Error('timeout'));
  expect(told).toEqual(['ask 1 for 1', 'unavailable']);
  expect(mailboxRequests.answered(1)).toBe(true); // it got through all the same

  const closed = open((one) => one.settled(new Error('no incarnation')));
  for (let n = 0; n < 20; n++) expect(closed.mailboxRequests.request(n)).toBe(true);
  expect(closed.told.filter((text) => text === 'unavailable')).toHaveLength(20);
});

test('when the queue for answers is gone, nobody waits for them', () => {
  const { mailboxRequests, told } = open();
  mailboxRequests.lost();
  mailboxRequests.request(1);
  mailboxRequests.lost();
  expect(told).toEqual(['ask 1 for 1', 'unavailable']);
});

test('a routing instance of an older version names no question: its page is for the one under way', () => {
  const { mailboxRequests, told } = open();
  mailboxRequests.request(1);
  mailboxRequests.request(2);
  expect(mailboxRequests.answered(undefined)).toBe(true);
  expect(told).toEqual(['ask 1 for 1', 'ask 2 for 2']);
  expect(mailboxRequests.answered(undefined)).toBe(true);
  expect(mailboxRequests.answered(undefined)).toBe(true);
});

test('a page with nothing for the client is replaced by the next one, in the time that is left', () => {
  const { mailboxRequests, told } = open();
  mailboxRequests.request(5);
  mailboxRequests.request(7);
  const asked = performance.now();
  mailboxRequests.repeat(1_000, 1);
  expect(told).toEqual(['ask 1 for 5', 'ask 2 for 5 at 1000']);
  expect(mailboxRequests.answered(1)).toBe(false); // the same page again
  mailboxRequests.repeat(1_000, 1);
  expect(told).toHaveLength(2);
  mailboxRequests.expire(asked + PAGE_TIMEOUT_MS + 1);
  expect(told.slice(2)).toEqual(['unavailable', 'ask 3 for 7']);
  mailboxRequests.repeat(2_000);
  expect(mailboxRequests.answered(4)).toBe(true);
  expect(told.slice(4)).toEqual(['ask 4 for 7 at 2000']);
});
