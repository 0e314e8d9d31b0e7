import { describe, expect, test } from 'vitest';
import type { Delivery } from '#libs/broker/delivery.ts';
import type { LiveMessage, ReturnReason } from '#libs/broker/entries.ts';
import { type InFlight } from './in-flight.ts';
import { ReceiveWindow, type WindowOwner } from './receive-window.ts';

const message = (id: string, body = '"x"'): LiveMessage => ({
  kind: 'message',
  session: 's',
  from: 'alice',
  to: 'bob',
  id,
  body,
  at: 1,
});

/** A delivery that only counts how often it was settled. */
function delivery(): Delivery & { count: number } {
  const counted = { count: 0, settled: () => (counted.count += 1) };
  return counted as unknown as Delivery & { count: number };
}

class Owner implements WindowOwner {
  writable = true;
  readonly delivered: string[] = [];
  readonly back: string[] = [];
  readonly inFlight: InFlight[] = [];
  deliver({ id }: LiveMessage) {
    this.delivered.push(id);
  }
  returnToMailbox({ id }: LiveMessage, reason: ReturnReason, inFlight: InFlight) {
    this.back.push(`${id} ${reason}`);
    this.inFlight.push(inFlight);
  }
}

function open(limits: Partial<{ receiveWindow: number; queue: number; queueBytes: number }> = {}) {
  const owner = new Owner();
  const window = new ReceiveWindow({ receiveWindow: 2, queue: 2, queueBytes: 100, ...limits }, owner);
  return { owner, window };
}

/** Answers, and asserts that there was something to answer. */
function answer(window: ReceiveWindow, id: string): InFlight {
  const inFlight = window.answer('alice', id);
  if (!inFlight) throw new Error(`${id} is not with the client`);
  return inFlight;
}

describe('ReceiveWindow', () => {
  test('a copy for a synced device stays when another device confirmed; going back, it says so, or has gone without', () => {
    const { owner, window } = open();
    const copies = ['1', '2', '3'].map((id): LiveMessage => ({ ...message(id), copy: 'phone' }));
    for (const copy of copies) window.offer(copy, delivery());
    const settled = delivery();
    for (const id of ['1', '3']) expect(window.markTold('alice', id, settled)).toBe('waits');
    expect(settled.count).toBe(0); // an heir needs to know, too
    expect(owner.delivered).toEqual(['1', '2']);
    window.returnToMailbox('disconnected');
    expect(copies.map(({ told }) => told)).toEqual([true, undefined, true]);
    expect(window.markTold('alice', '2', settled)).toBe('returned');
    expect(window.markTold('alice', 'other', settled)).toBe('settled');
    for (const inFlight of owner.inFlight) inFlight.settled();
    expect(settled.count).toBe(2);
  });

  test('sends up to the window, keeps the next in order, gives back what does not fit', () => {
    const { owner, window } = open();
    for (const id of ['1', '2', '3', '4', '5']) window.offer(message(id), delivery());
    expect(owner.delivered).toEqual(['1', '2']);
    expect(owner.back).toEqual(['5 session_full']);
    answer(window, '2');
    expect(owner.delivered).toEqual(['1', '2', '3']);
    answer(window, '1');
    expect(owner.delivered).toEqual(['1', '2', '3', '4']);
  });

  test('bounds what waits by bytes too', () => {
    const { owner, window } = open({ receiveWindow: 1, queueBytes: 8 });
    for (const id of ['1', '2', '3']) window.offer(message(id, '"12345"'), delivery());
    expect(owner.back).toEqual(['3 session_full']);
  });

  test('waits for a client that does not take more, and goes on when it does', () => {
    const { owner, window } = open();
    window.offer(message('1'), delivery());
    owner.writable = false;
    window.offer(message('2', '"22"'), delivery());
    window.pump();
    expect([owner.delivered, window.waitingBytes]).toEqual([['1'], 4]);
    owner.writable = true;
    window.pump();
    expect([owner.delivered, window.waitingBytes]).toEqual([['1', '2'], 0]);
  });

  test('an answer settles the delivery only when it is confirmed', () => {
    const { window } = open();
    const inFlight = delivery();
    window.offer(message('1'), inFlight);
    const answered = answer(window, '1');
    expect(inFlight.count).toBe(0);
    expect(window.size).toBe(1);
    expect(window.confirmed(answered)).toBe(1);
    expect(inFlight.count).toBe(1);
    expect(window.size).toBe(0);
  });

  test('every ack:R that came before the confirm is answered', () => {
    const { window } = open();
    window.offer(message('1'), delivery());
    answer(window, '1');
    expect(window.confirmed(answer(window, '1'))).toBe(2);
    expect(window.answer('alice', '1')).toBeUndefined();
  });

  test('an answer that was not confirmed leaves the message in flight', () => {
    const { owner, window } = open();
    const inFlight = delivery();
    window.offer(message('1'), inFlight);
    expect(window.unconfirmed(answer(window, '1'))).toBe(1);
    expect(inFlight.count).toBe(0);
    window.offer(message('2'), inFlight);
    window.returnToMailbox('ack_timeout');
    expect(owner.back).toEqual(['1 ack_timeout', '2 ack_timeout']);
    // It may be durable all the same: the mailbox must not reject it.
    expect(owner.inFlight.map((each) => each.message.answered)).toEqual([true, undefined]);
  });

  test('a message that is sent again while in flight is handed over again, and one answer settles both deliveries', () => {
    const { owner, window } = open();
    const [first, second] = [delivery(), delivery()];
    window.offer(message('1'), first);
    window.offer(message('1'), second);
    expect(owner.delivered).toEqual(['1', '1']);
    window.confirmed(answer(window, '1'));
    expect([first.count, second.count]).toEqual([1, 1]);
  });

  test('one that is sent again while it waits keeps its place', () => {
    const { owner, window } = open({ receiveWindow: 1 });
    for (const id of ['1', '2', '2', '3']) window.offer(message(id), delivery());
    answer(window, '1');
    answer(window, '2');
    expect(owner.delivered).toEqual(['1', '2', '3']);
  });

  test('gives back what is with the client and what waits, in order, but not what is being confirmed', () => {
    const { owner, window } = open();
    for (const id of ['1', '2', '3', '4']) window.offer(message(id), delivery());
    const pendingAck = answer(window, '1');
    window.returnToMailbox('disconnected');
    expect(owner.back).toEqual(['2 disconnected', '3 disconnected', '4 disconnected']);
    expect(window.confirmed(pendingAck)).toBe(1);
    expect(window.size).toBe(0);
  });

  test('the same name from another sender is another message', () => {
    const { window } = open();
    window.offer(message('1'), delivery());
    expect(window.answer('mallory', '1')).toBeUndefined();
    expect(window.holds('alice', '1')).toBe(true);
  });

  test('settled elsewhere: frees the place of one in flight, drops one that waits', () => {
    const { owner, window } = open({ receiveWindow: 1 });
    const deliveries = [delivery(), delivery(), delivery()];
    for (const [n, id] of ['1', '2', '3'].entries()) window.offer(message(id), deliveries[n] ?? delivery());
    window.settleElsewhere('alice', '2');
    window.settleElsewhere('alice', '1');
    expect(owner.delivered).toEqual(['1', '3']);
    expect(deliveries.map(({ count }) => count)).toEqual([1, 1, 0]);
  });

  test('oldestSentAt is that of the oldest one unanswered', () => {
    const { window } = open();
    expect(window.oldestSentAt).toBeUndefined();
    window.offer(message('1'), delivery());
    expect(window.oldestSentAt).toBeGreaterThan(0);
    answer(window, '1');
    expect(window.oldestSentAt).toBeUndefined();
  });

  test('after the incarnation is over, an answer that fails late does not count against the new window', () => {
    const { owner, window } = open({ receiveWindow: 1 });
    window.offer(message('1'), delivery());
    const old = answer(window, '1');
    window.clear();
    window.unconfirmed(old);
    window.offer(message('2'), delivery());
    expect(owner.delivered).toEqual(['1', '2']);
  });
});

describe('an expired message', () => {
  const short = (id: string, expires: number): LiveMessage => ({ ...message(id), expires });

  test('is not handed out: neither when it comes, nor when its turn comes', () => {
    const { owner, window } = open({ receiveWindow: 1 });
    const now = Date.now();
    window.offer(short('over', now), delivery(), now);
    window.offer(short('1', now + 1), delivery(), now);
    window.offer(short('2', now + 1), delivery(), now);
    window.offer(message('3'), delivery(), now);
    expect([owner.delivered, owner.back]).toEqual([['1'], ['over expired']]);
    owner.writable = false;
    answer(window, '1');
    owner.writable = true;
    window.pump(now + 1);
    expect([owner.delivered, owner.back]).toEqual([
      ['1', '3'],
      ['over expired', '2 expired'],
    ]);
    expect(window.waitingBytes).toBe(0);
  });

  test('that waits goes back when its time is over, and one that is with the client 30 s later', () => {
    const { owner, window } = open({ receiveWindow: 1 });
    const now = Date.now();
    for (const id of ['sent', 'waits']) window.offer(short(id, now + 1_000), delivery(), now);
    window.returnExpired(now + 999);
    expect(owner.back).toEqual([]);
    window.returnExpired(now + 1_000);
    expect(owner.back).toEqual(['waits expired']);
    window.returnExpired(now + 30_999);
    expect(owner.back).toEqual(['waits expired']);
    window.returnExpired(now + 31_000);
    expect(owner.back).toEqual(['waits expired', 'sent expired']);
    expect(window.size).toBe(0);
  });

  test('that was answered does not go back', () => {
    const { owner, window } = open();
    const now = Date.now();
    window.offer(short('1', now + 1_000), delivery(), now);
    const inFlight = answer(window, '1');
    window.returnExpired(now + 60_000);
    expect([owner.back, window.confirmed(inFlight)]).toEqual([[], 1]);
  });

  test('has its time from the first copy, and is not handed out again by a later one', () => {
    const { owner, window } = open();
    const now = Date.now();
    window.offer(short('1', now + 1_000), delivery(), now);
    window.offer(short('1', now + 9_000), delivery(), now + 500);
    expect(owner.delivered).toEqual(['1', '1']);
    window.offer(short('1', now + 9_000), delivery(), now + 1_000);
    expect(owner.delivered).toEqual(['1', '1']);
    window.returnExpired(now + 31_000);
    expect(owner.back).toEqual(['1 expired']);
  });
});
