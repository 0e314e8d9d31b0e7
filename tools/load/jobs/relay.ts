import amqp, { type ConfirmChannel } from 'amqplib';
import { Samples } from '../clients/samples.ts';
import { sendAtRate } from '../clients/schedule.ts';

/** One hop of the broker's limit: it does with the broker what a service does. See tools/load/limits/broker.ts. */

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
  /** It makes the messages, and takes them after the last hop; the others pass them on. */
  source: boolean;
}

/** The broker deletes the queues after this time without a consumer. */
const EXPIRES_MS = 60_000;

let order: RelayOrder;
let content: Buffer;
let channel: ConfirmChannel;
/** Whether the next goes out when one comes back. */
let closed = true;
/** When those under way were due, milliseconds; all queues keep the order. */
const due: number[] = [];
const latency = new Samples();

export async function connect(given: RelayOrder): Promise<void> {
  order = given;
  content = Buffer.alloc(order.bytes, 'x');
  const { amqpUrl, queueType, from, to, window, source } = order;
  // As in our services: one connection to publish, another one to consume.
  channel = await (await amqp.connect(amqpUrl, { noDelay: true })).createConfirmChannel();
  for (const queue of [from, to])
    await channel.assertQueue(queue, {
      durable: true,
      arguments: { 'x-queue-type': queueType, 'x-expires': EXPIRES_MS },
    });
  const consuming = await (await amqp.connect(amqpUrl, { noDelay: true })).createChannel();
  await consuming.prefetch(window);
  await consuming.consume(from, (message) => {
    if (!message) throw new Error(`the queue ${from} is gone`);
    if (!source) {
      publish(() => consuming.ack(message));
      return;
    }
    latency.add(performance.now() - (due.shift() ?? NaN));
    consuming.ack(message);
    if (closed) begin(performance.now());
  });
}

/** @param confirmed only then may its cause be acknowledged */
function publish(confirmed: () => void = () => undefined): void {
  channel.publish('', order.to, content, { persistent: true, mandatory: true }, (error) => {
    if (error) throw new Error(`not confirmed: ${String(error)}`);
    confirmed();
  });
}

function begin(at: number): void {
  due.push(at);
  publish();
}

/** Starts this many AMQP messages; when one comes back, the next goes out. */
export function closedLoop(count: number): void {
  for (let n = 0; n < count; n++) begin(performance.now());
}

/** Starts AMQP messages at this rate, regardless of earlier ones. */
export function openLoop(ratePerS: number): void {
  closed = false;
  sendAtRate(ratePerS, begin);
}

/** Latencies of the AMQP messages that came back since the last time, microseconds. */
export const take = (): Uint32Array => latency.take();
