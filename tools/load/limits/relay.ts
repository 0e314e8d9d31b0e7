import amqp, { type ConfirmChannel, type ConsumeMessage } from 'amqplib';
import { Samples } from '../load/samples.ts';
import { Schedule } from '../load/schedule.ts';
import { serve } from '../serve.ts';

/** One station of the broker's limit: it does with the broker what a service does, a message at a time. See broker.ts. */

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
  /** Whether the next goes out when one comes back. */
  closed: true,
  /** When those under way were due, milliseconds; all queues keep the order. */
  due: [] as number[],
  latency: new Samples(),
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
      open.latency.add(performance.now() - (open.due.shift() ?? NaN));
      acknowledge(message);
      if (open.closed) begin(performance.now());
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

function begin(due: number): void {
  open.due.push(due);
  publish();
}

/** Puts so many AMQP messages on their way; when one comes back, the next goes out. */
function closedLoop(count: number): void {
  for (let n = 0; n < count; n++) begin(performance.now());
}

/** So many AMQP messages a second, whatever becomes of them. */
function openLoop(ratePerS: number): void {
  open.closed = false;
  const schedule = new Schedule(ratePerS, performance.now());
  setInterval(() => {
    for (
      let due = schedule.next(performance.now());
      due !== undefined;
      due = schedule.next(performance.now())
    )
      begin(due);
  }, 1);
}

/** Of the AMQP messages that came back since the last time, how long they took, microseconds. */
const take = (): Uint32Array => open.latency.take();

const api = { connect, closedLoop, openLoop, take };
export type RelayApi = typeof api;
serve(api);
