import { EventEmitter } from 'node:events';
import type { ChannelModel } from 'amqplib';
import { expect, test } from 'vitest';
import { BrokerError, type BrokerFailure } from './errors.ts';
import type { Publisher } from './publisher.ts';
import { openAnswered, openIfAnswered } from './queue-probe.ts';

const options = { queue: 'q', prefetch: 1, receive: () => undefined, onLost: () => undefined };

/** A broker that fails a publish with this code, and what was published, released and consumed. */
function setUp(code?: BrokerFailure) {
  const happened: string[] = [];
  const publisher = {
    publish: (_exchange: string, queue: string, content: Buffer) => {
      happened.push(`probe ${queue} ${content.toString()}`);
      return code === undefined ? Promise.resolve() : Promise.reject(new BrokerError(code));
    },
    release: () => undefined,
  } as unknown as Publisher;
  const channel = Object.assign(new EventEmitter(), {
    prefetch: () => Promise.resolve(),
    consume: (queue: string) => Promise.resolve(happened.push(`consume ${queue}`)),
  });
  const connection = { createChannel: () => Promise.resolve(channel) } as unknown as ChannelModel;
  return { happened, publisher, connection };
}

test('a queue is consumed once it has taken a probe', async () => {
  const { happened, publisher, connection } = setUp();
  expect(await openIfAnswered(publisher, connection, options)).toBeDefined();
  await openAnswered(publisher, connection, options);
  expect(happened).toEqual(['probe q []', 'consume q', 'probe q []', 'consume q']);
});

test('a silent queue is not consumed', async () => {
  const { happened, publisher, connection } = setUp('timeout');
  expect(await openIfAnswered(publisher, connection, options)).toBeUndefined();
  await expect(openAnswered(publisher, connection, options)).rejects.toMatchObject({ code: 'timeout' });
  expect(happened).toEqual(['probe q []', 'probe q []']);
});

test.each(['blocked', 'not_connected', 'unroutable'] as const)(
  'where a probe says nothing (%s), it is consumed',
  async (code) => {
    const { happened, publisher, connection } = setUp(code);
    expect(await openIfAnswered(publisher, connection, options)).toBeDefined();
    expect(happened).toEqual(['probe q []', 'consume q']);
  },
);
