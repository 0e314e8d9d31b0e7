import amqp, { type ConfirmChannel, type ConsumeMessage } from 'amqplib';
import { serve } from '../serve.ts';

/** One station of the broker's limit: it does what a service does with the broker, and nothing else. See broker.ts. */

export interface RelayOrder {
  amqpUrl: string;
  queueType: string;
  /** The queue that it consumes, and the one that it publishes to. */
  from: string;
  to: string;
  /** Size of the AMQP messages that it publishes. */
  bytes: number;
  /** Most AMQP messages under way. */
  window: number;
  /** It makes the messages, and takes them when they have gone all the way; the others pass them on. */
  source: boolean;
}

const open = {
  content: Buffer.alloc(0),
  to: '',
  channel: undefined as ConfirmChannel | undefined,
  arrived: 0,
};

async function connect({ amqpUrl, queueType, from, to, bytes, window, source }: RelayOrder): Promise<void> {
  const connection = await amqp.connect(amqpUrl, { noDelay: true });
  const channel = await connection.createConfirmChannel();
  Object.assign(open, { content: Buffer.alloc(bytes, 'x'), to, channel });
  for (const queue of [from, to])
    await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': queueType } });
  // As in our services: one connection to publish, another one to consume.
  const consuming = await (await amqp.connect(amqpUrl, { noDelay: true })).createChannel();
  await consuming.prefetch(window);
  const acknowledge = (message: ConsumeMessage) => consuming.ack(message);
  await consuming.consume(from, (message) => {
    if (!message) throw new Error(`the queue ${from} is gone`);
    if (source) {
      open.arrived++;
      acknowledge(message);
      publish();
    } else publish(() => acknowledge(message));
  });
}

/** @param confirmed only then may what caused it be acknowledged */
function publish(confirmed: () => void = () => undefined): void {
  const options = { persistent: true, mandatory: true };
  open.channel?.publish('', open.to, open.content, options, (error) => {
    if (error) throw new Error(`not confirmed: ${String(error)}`);
    confirmed();
  });
}

/** Puts so many AMQP messages on their way; when one comes back, the next goes out. */
function start(count: number): void {
  for (let n = 0; n < count; n++) publish();
}

/** AMQP messages that came back since the last time. */
function take(): number {
  const { arrived } = open;
  open.arrived = 0;
  return arrived;
}

const api = { connect, start, take };
export type RelayApi = typeof api;
serve(api);
