import { EventEmitter } from 'node:events';
import type { ChannelModel } from 'amqplib';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { BrokerError } from './errors.ts';
import { CLOSE_ANSWER_MS, MAX_CLOSING_CHANNELS, PREPARE_AGAIN_MS, Publisher } from './publisher.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const TIMEOUT_MS = 1_000;

class FakeChannel extends EventEmitter {
  closing = false;
  readonly published: string[] = [];
  readonly #confirms: ((error: unknown) => void)[] = [];
  readonly #closed: Promise<void>;

  constructor(closed: Promise<void>) {
    super();
    this.#closed = closed;
  }

  publish(
    _exchange: string,
    _key: string,
    content: Buffer,
    _options: object,
    told: (error: unknown) => void,
  ) {
    this.published.push(String(content));
    this.#confirms.push(told);
  }

  /** No queue took it: the broker sends it back, and confirms it. */
  sendBack(): void {
    this.emit('return', { properties: { messageId: String(this.published.length) } });
    this.settle();
  }

  /** @param error a nack, or the end of the connection */
  settle(error: unknown = null): void {
    this.#confirms.shift()?.(error);
  }

  async close(): Promise<void> {
    this.closing = true;
    await this.#closed;
  }
}

/** A publisher on a connection whose channels close at once, or, so it says, never. */
async function open(closes = true) {
  const channels: FakeChannel[] = [];
  const resets: string[] = [];
  const opening: { late: boolean; go?: () => void } = { late: false };
  const connection = {
    createConfirmChannel: async () => {
      const channel = new FakeChannel(closes ? Promise.resolve() : new Promise(() => undefined));
      channels.push(channel);
      if (opening.late) await new Promise<void>((resolve) => (opening.go = resolve));
      return channel;
    },
  } as unknown as ChannelModel;
  const publisher = new Publisher(
    () => false,
    () => resets.push('reset'),
  );
  const prepared: FakeChannel[] = [];
  await publisher.open(connection, (channel) => {
    prepared.push(channel as unknown as FakeChannel);
    return Promise.resolve();
  });
  await turns();
  channels.length = 0; // that of the set-up
  const told: string[] = [];
  const publish = async (name: string, queue = 'q', timeoutMs = TIMEOUT_MS) => {
    publisher.publish('', queue, Buffer.from(name), timeoutMs).then(
      () => told.push(name),
      (error: unknown) => told.push(`${name} ${(error as BrokerError).code}`),
    );
    await turns();
  };
  return { publisher, channels, opening, resets, publish, told, prepared };
}

const turns = () => vi.advanceTimersByTimeAsync(0);
const published = (channels: FakeChannel[]) => channels.map((channel) => channel.published.join(' '));

test('with the first that is not confirmed in time, all behind it on the channel fail: none of them can be overtaken', async () => {
  const { channels, publish, told } = await open();
  await publish('1');
  await vi.advanceTimersByTimeAsync(TIMEOUT_MS / 2);
  await publish('2');
  await publish('3');
  channels[0]?.settle();
  await publish('4');
  await vi.advanceTimersByTimeAsync(TIMEOUT_MS / 2);
  expect(told).toEqual(['1']);
  await vi.advanceTimersByTimeAsync(TIMEOUT_MS / 2);
  expect(told).toEqual(['1', '2 timeout', '3 timeout', '4 timeout']);
  expect(channels.map(({ closing }) => closing)).toEqual([true]);
  await publish('5');
  channels[0]?.settle(); // of 2, late: it was told already
  channels[1]?.settle();
  await turns();
  expect(told.slice(4)).toEqual(['5']);
  expect(published(channels)).toEqual(['1 2 3 4', '5']);
});

test('a nack fails all behind it, other destinations go on', async () => {
  const { channels, publish, told } = await open();
  await publish('1');
  await publish('2');
  await publish('a', 'other');
  channels[0]?.settle(new Error('nacked'));
  channels[1]?.settle();
  await turns();
  expect(told).toEqual(['1 nacked', '2 nacked', 'a']);
  expect(channels.map(({ closing }) => closing)).toEqual([true, false]);
});

test('a channel that opens too late takes what was published on it, in order, and closes', async () => {
  const { channels, opening, publish, told } = await open();
  opening.late = true;
  for (const name of ['1', '2']) await publish(name);
  await vi.advanceTimersByTimeAsync(TIMEOUT_MS);
  expect(told).toEqual(['1 timeout', '2 timeout']);
  opening.late = false;
  await publish('3');
  opening.go?.();
  await turns();
  expect(published(channels)).toEqual(['1 2', '3']);
  expect(channels.map(({ closing }) => closing)).toEqual([true, false]);
});

test('50 timeouts leave one channel open', async () => {
  const { channels, publish } = await open();
  for (let n = 0; n < 50; n++) {
    await publish(String(n));
    await vi.advanceTimersByTimeAsync(TIMEOUT_MS);
  }
  await publish('last');
  expect(channels).toHaveLength(51);
  expect(channels.filter(({ closing }) => !closing)).toHaveLength(1);
});

test('a broker that answers no close: channels are bounded, each destination keeps the one it has, and a new connection follows', async () => {
  const { publisher, channels, resets, publish, told } = await open(false);
  const closing = () => channels.filter((channel) => channel.closing).length;
  await publish('0', 'early');
  for (let n = 0; n < MAX_CLOSING_CHANNELS + 20; n++) {
    await publish(String(n), 'q', 100);
    await vi.advanceTimersByTimeAsync(100);
  }
  expect([channels.length, closing()]).toEqual([MAX_CLOSING_CHANNELS + 1, MAX_CLOSING_CHANNELS]);
  expect(told.filter((text) => text.endsWith('timeout'))).toHaveLength(MAX_CLOSING_CHANNELS + 21);
  expect(resets).toEqual([]);
  await vi.advanceTimersByTimeAsync(CLOSE_ANSWER_MS);
  expect(resets.length).toBeGreaterThan(0);
  publisher.close();
  const before = resets.length;
  await vi.advanceTimersByTimeAsync(CLOSE_ANSWER_MS);
  expect(resets).toHaveLength(before);
});

test('a channel that was released closes with its last confirm', async () => {
  const { publisher, channels, publish, told } = await open();
  await publish('1');
  publisher.release('', 'q');
  await publish('2');
  expect(channels.map(({ closing }) => closing)).toEqual([false, false]);
  channels[0]?.settle();
  await turns();
  expect([told, channels.map(({ closing }) => closing)]).toEqual([['1'], [true, false]]);
});

test('what no queue took has the shared queues and exchanges declared again, now and then', async () => {
  const { channels, publish, told, prepared } = await open();
  await publish('1');
  channels[0]?.settle();
  await turns();
  expect(prepared).toHaveLength(1); // before the first publish
  for (const name of ['2', '3']) {
    await publish(name);
    channels[0]?.sendBack();
    await turns();
  }
  expect(told).toEqual(['1', '2 unroutable', '3 unroutable']);
  expect(prepared).toHaveLength(2);
  expect(prepared[1]?.closing).toBe(true);
  await vi.advanceTimersByTimeAsync(PREPARE_AGAIN_MS);
  await publish('4');
  channels[0]?.sendBack();
  await turns();
  expect(prepared).toHaveLength(3);
});
