import type { ChannelModel } from 'amqplib';
import { Consumer, type ConsumerOptions } from './consumer.ts';
import { BrokerError } from './errors.ts';
import type { Publisher } from './publisher.ts';

/** An AMQP message without entries. */
export const PROBE: Buffer = Buffer.from('[]');
/** A queue without a leader confirms nothing; milliseconds. */
const ANSWER_MS = 3_000;
/** Where nothing goes on without it: less than the setup of a connection may take, milliseconds. */
const NEEDED_ANSWER_MS = 10_000;

/** What became of an AMQP message for a queue. `silent`: no confirm in time, as from a queue without a leader. */
export type Answer = 'taken' | 'missing' | 'silent';

/**
 * Publishes into a queue, on a channel of its own, and waits for the confirm for a short while.
 * @throws BrokerError when nothing can be published at the moment
 */
export async function putInto(
  publisher: Publisher,
  queue: string,
  content: Buffer = PROBE,
  withinMs = ANSWER_MS,
): Promise<Answer> {
  try {
    await publisher.publish('', queue, content, withinMs);
    return 'taken';
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    if (error.code === 'unroutable') return 'missing';
    if (error.code === 'timeout') return 'silent';
    throw error;
  } finally {
    publisher.release('', queue);
  }
}

/**
 * Opens a consumer, unless its queue is silent: RabbitMQ 3.10 answers a consumer of a queue without a leader after a minute
 * or more, keeps the channel for so long even if the connection is closed, and ends the whole connection then (541).
 *
 * @returns undefined when the queue is silent
 */
export async function openIfAnswered(
  publisher: Publisher,
  connection: ChannelModel,
  options: ConsumerOptions,
  withinMs = ANSWER_MS,
): Promise<Consumer | undefined> {
  // Where nothing can be published, nothing is known of the queue: a resource alarm must not keep anybody from consuming.
  const answer = await putInto(publisher, options.queue, PROBE, withinMs).catch((error: unknown) => {
    if (error instanceof BrokerError) return 'unknown';
    throw error;
  });
  return answer === 'silent' ? undefined : Consumer.open(connection, options);
}

/** The same of a queue that the caller needs. @throws BrokerError when it is silent: another connection may find its leader */
export async function openAnswered(
  publisher: Publisher,
  connection: ChannelModel,
  options: ConsumerOptions,
): Promise<Consumer> {
  const consumer = await openIfAnswered(publisher, connection, options, NEEDED_ANSWER_MS);
  if (!consumer) throw new BrokerError('timeout');
  return consumer;
}
