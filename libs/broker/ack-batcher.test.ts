import type { Channel, ConsumeMessage } from 'amqplib';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { AckBatcher, flushAcks, LINGER_MS } from './ack-batcher.ts';

beforeEach(() => {
  flushAcks(); // test files share the module: another one may have left its timer
  vi.useFakeTimers();
});
afterEach(() => {
  vi.runAllTimers(); // the one timer of all
  vi.useRealTimers();
});

/** What RabbitMQ has unacknowledged on a channel. A tag that it does not know ends the channel (406). */
class Unacked {
  readonly tags: Set<number>;
  readonly frames: string[] = [];
  readonly channel = {
    ack: ({ fields: { deliveryTag } }: ConsumeMessage, multiple: boolean) => {
      if (!this.tags.has(deliveryTag)) throw new Error(`unknown delivery tag ${String(deliveryTag)}`);
      for (const tag of this.tags)
        if (tag === deliveryTag || (multiple && tag < deliveryTag)) this.tags.delete(tag);
      this.frames.push(`${String(deliveryTag)}${multiple ? ' and before' : ''}`);
    },
  } as unknown as Channel;

  constructor(count: number) {
    this.tags = new Set(Array.from({ length: count }, (_, n) => n + 1));
  }
}

test('what is settled within a moment is acknowledged with one frame', () => {
  const broker = new Unacked(4);
  const acks = new AckBatcher(broker.channel, 100);
  for (const tag of [2, 1, 3]) acks.add(tag);
  vi.advanceTimersByTime(LINGER_MS - 1);
  expect(broker.frames).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(broker.frames).toEqual(['3 and before']);
});

test('behind one that is not settled they go one by one, then together again', () => {
  const broker = new Unacked(6);
  const acks = new AckBatcher(broker.channel, 100);
  for (const tag of [1, 3, 4]) acks.add(tag);
  vi.advanceTimersByTime(LINGER_MS);
  expect(broker.frames).toEqual(['1 and before', '3', '4']);
  acks.add(2);
  vi.advanceTimersByTime(LINGER_MS);
  for (const tag of [5, 6]) acks.add(tag);
  vi.advanceTimersByTime(LINGER_MS);
  expect(broker.frames.slice(3)).toEqual(['2 and before', '6 and before']);
});

test('a quarter of the prefetch is not held up', () => {
  const broker = new Unacked(8);
  const acks = new AckBatcher(broker.channel, 32);
  for (let tag = 1; tag <= 8; tag++) acks.add(tag);
  expect(broker.frames).toEqual(['8 and before']);
});

test('each channel has its own, and one timer serves them', () => {
  const brokers = [new Unacked(1), new Unacked(1)];
  for (const { channel } of brokers) new AckBatcher(channel, 100).add(1);
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(LINGER_MS);
  expect(brokers.map(({ frames }) => frames)).toEqual([['1 and before'], ['1 and before']]);
});

test('before a connection is ended, nothing waits any longer', () => {
  const brokers = [new Unacked(1), new Unacked(1)];
  for (const { channel } of brokers) new AckBatcher(channel, 100).add(1);
  flushAcks();
  expect(brokers.map(({ frames }) => frames)).toEqual([['1 and before'], ['1 and before']]);
  expect(vi.getTimerCount()).toBe(0);
});

test('of a channel that is gone nothing is acknowledged, and one that is closing is no mistake', () => {
  const broker = new Unacked(1);
  const gone = new AckBatcher(broker.channel, 100);
  gone.add(1);
  gone.drop();
  const closing = new AckBatcher(
    {
      ack: () => {
        throw Object.assign(new Error('Channel closing'), { name: 'IllegalOperationError' });
      },
    } as unknown as Channel,
    100,
  );
  closing.add(1);
  vi.advanceTimersByTime(LINGER_MS);
  expect(broker.frames).toEqual([]);
});

test('in any order: all that is settled is acknowledged, nothing else, and nothing twice', () => {
  const order = fc.shuffledSubarray(Array.from({ length: 40 }, (_, n) => n + 1));
  fc.assert(
    fc.property(order, fc.array(fc.boolean(), { maxLength: 40 }), (tags, moments) => {
      const broker = new Unacked(40);
      const acks = new AckBatcher(broker.channel, 60);
      for (const [n, tag] of tags.entries()) {
        acks.add(tag);
        if (moments[n] === true) vi.advanceTimersByTime(LINGER_MS);
      }
      acks.flush();
      expect(broker.tags).toEqual(
        new Set(Array.from({ length: 40 }, (_, n) => n + 1)).difference(new Set(tags)),
      );
    }),
  );
});
