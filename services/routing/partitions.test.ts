import { EventEmitter } from 'node:events';
import type { ChannelModel } from 'amqplib';
import { pino } from 'pino';
import { expect, test, vi } from 'vitest';
import { BrokerError } from '#libs/broker/errors.ts';
import type { Publisher } from '#libs/broker/publisher.ts';
import { routeQueue } from '#libs/broker/topology.ts';
import { fairShare, Partitions } from './partitions.ts';

test.each([
  [8, 1, 8],
  [8, 2, 4],
  [8, 3, 3],
  [8, 9, 1],
  [8, 0, 8],
])('of %i partitions, each of %i instances has at most %i', (partitions, instances, most) => {
  expect(fairShare(partitions, instances)).toBe(most);
});

class FakeChannel extends EventEmitter {
  readonly consumed: string[] = [];
  prefetch = () => Promise.resolve();
  consume = (queue: string) => Promise.resolve(this.consumed.push(queue));
  close = () => Promise.resolve();
}

function setUp() {
  const channel = new FakeChannel().setMaxListeners(0);
  const silent = new Set([routeQueue(1)]);
  const probed: string[] = [];
  const publisher = {
    publish: (_exchange: string, queue: string) => {
      probed.push(queue);
      return silent.has(queue) ? Promise.reject(new BrokerError('timeout')) : Promise.resolve();
    },
    release: () => undefined,
  };
  const partitions = new Partitions({
    partitions: 3,
    publisher: publisher as unknown as Publisher,
    prefetch: 1,
    receive: () => undefined,
    onLost: () => undefined,
    onGivenUp: [],
    log: pino({ level: 'silent' }),
    tryAgainMs: 1,
  });
  const connection = { createChannel: () => Promise.resolve(channel) } as unknown as ChannelModel;
  /** Resolves when a queue has been tried a few times more. */
  const tries = (queue: string) => {
    const before = probed.length;
    return vi.waitFor(
      () => expect(probed.slice(before).filter((one) => one === queue).length).toBeGreaterThan(4),
      45_000,
    );
  };
  return { partitions, channel, silent, connection, tries };
}

test('a queue that does not answer keeps nobody from the others, and is consumed once when it does', async () => {
  const { partitions, channel, silent, connection, tries } = setUp();
  await partitions.open(connection);
  await tries(routeQueue(1));
  expect(channel.consumed).toEqual([routeQueue(0), routeQueue(2)]);
  // Given up and opened again, as by an instance that was ill: the first try is over.
  partitions.lost();
  silent.clear();
  silent.add(routeQueue(2));
  channel.consumed.length = 0;
  await partitions.open(connection);
  await tries(routeQueue(2));
  expect(channel.consumed).toEqual([routeQueue(0), routeQueue(1)]);
  silent.clear();
  await vi.waitFor(() => expect(channel.consumed).toEqual([0, 1, 2].map(routeQueue)), 45_000);
});
