import type { Channel, Options } from 'amqplib';

/** Names and arguments of everything we declare, as data. Arguments cannot change after a declaration (RabbitMQ: 406). */

export type QueueType = 'quorum' | 'classic';

export interface Topology {
  queueType: QueueType;
  /** Number of route queues. Everything about one user goes through one of them, in order. */
  partitions: number;
  /** Events are published, so their exchange must be there. */
  events?: boolean;
}

export const ACK_QUEUE = 'sixfold.ack';
export const RETURNED_QUEUE = 'sixfold.returned';
export const DEAD_QUEUE = 'sixfold.dead';
export const GATEWAY_EXCHANGE = 'sixfold.gateway';
export const RETURNED_EXCHANGE = 'sixfold.returned';
/** From gateways to routing, and from routing to the gateways, by gateway id. */
export const SIGNAL_QUEUE = 'sixfold.signal';
export const SIGNAL_EXCHANGE = 'sixfold.signal';

/** Events for back ends, by type; a consumer binds a queue of its own. */
export const EVENTS_EXCHANGE = 'sixfold.events';
/** What the service `webhook` hands on. */
export const WEBHOOK_QUEUE = 'sixfold.webhook';

export const routeQueue = (partition: number) => `sixfold.route.${partition}`;

/**
 * `gateway` is `<id>.<incarnation>`: one queue per gateway process and broker connection. It is also the routing key.
 */
export const gatewayQueue = (gateway: string) => `sixfold.gateway.${gateway}`;

/** The gateway whose queue this is; undefined if it is another queue. */
export function gatewayOfQueue(queue: string): string | undefined {
  const prefix = gatewayQueue('');
  return queue.startsWith(prefix) ? queue.slice(prefix.length) : undefined;
}

/** The route queue of a user. Computed here and not by an exchange: stable across restarts of broker nodes. */
export function partitionOf(user: string, partitions: number): number {
  let hash = FNV_OFFSET;
  for (let at = 0; at < user.length; at++) hash = Math.imul(hash ^ user.charCodeAt(at), FNV_PRIME);
  // The low bits of FNV-1a alone depend on the low bits of the characters only.
  hash = Math.imul(hash ^ (hash >>> 16), MIX);
  return ((hash ^ (hash >>> 13)) >>> 0) % partitions;
}

/** FNV-1a of 32 bits, with a step of MurmurHash3's finaliser: a digest would cost more than the rest of the routing. */
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;
const MIX = 0x85ebca6b;

/**
 * A redelivery limit of 1,000 with at-least-once dead-lettering: the broker never drops a good message by itself.
 * That strategy needs `reject-publish` (RabbitMQ: quorum queues, at-least-once dead lettering).
 */
function queueOptions(type: QueueType, singleActiveConsumer: boolean): Options.AssertQueue {
  return {
    durable: true,
    arguments: {
      'x-queue-type': type,
      ...(singleActiveConsumer && { 'x-single-active-consumer': true }),
      ...(type === 'quorum' && {
        'x-delivery-limit': 1000,
        'x-dead-letter-exchange': '',
        'x-dead-letter-routing-key': DEAD_QUEUE,
        'x-dead-letter-strategy': 'at-least-once',
        'x-overflow': 'reject-publish',
      }),
    },
  };
}

/** Declares the shared topology. Each service does so on every connection: any start order works. */
export async function declareTopology(channel: Channel, topology: Topology): Promise<void> {
  const { queueType, partitions, events = false } = topology;
  await channel.assertQueue(DEAD_QUEUE, { durable: true, arguments: { 'x-queue-type': queueType } });
  await channel.assertQueue(RETURNED_QUEUE, queueOptions(queueType, false));
  await channel.assertExchange(RETURNED_EXCHANGE, 'fanout');
  await channel.bindQueue(RETURNED_QUEUE, RETURNED_EXCHANGE, '');
  await channel.assertExchange(GATEWAY_EXCHANGE, 'direct', { alternateExchange: RETURNED_EXCHANGE });
  await channel.assertQueue(ACK_QUEUE, queueOptions(queueType, false));
  for (let p = 0; p < partitions; p++)
    await channel.assertQueue(routeQueue(p), queueOptions(queueType, true));
  if (events) await channel.assertExchange(EVENTS_EXCHANGE, 'topic');
}

/** Declares the queue of the service `webhook`; it gets events of these types. */
export async function declareWebhookQueue(
  channel: Channel,
  types: readonly string[],
  type: QueueType,
): Promise<void> {
  await channel.assertExchange(EVENTS_EXCHANGE, 'topic');
  await channel.assertQueue(WEBHOOK_QUEUE, queueOptions(type, false));
  for (const event of types) await channel.bindQueue(WEBHOOK_QUEUE, EVENTS_EXCHANGE, event);
}

/**
 * Declares the queue of one gateway incarnation. No TTL or expiry: both drop messages silently. Single active
 * consumer: the gateway consumes first, and routing instances stand by as heirs.
 */
export async function declareGatewayQueue(channel: Channel, gateway: string, type: QueueType): Promise<void> {
  await channel.assertQueue(gatewayQueue(gateway), queueOptions(type, true));
  await channel.bindQueue(gatewayQueue(gateway), GATEWAY_EXCHANGE, gateway);
}

/** A signal is of no use later, and nobody may be late because of signals: few wait, and not for long. */
const SIGNALS = {
  'x-queue-type': 'classic',
  'x-max-length': 10_000,
  'x-max-length-bytes': 8 * 1024 * 1024,
  'x-message-ttl': 5_000,
};

/** Declares what signals travel through. The queue goes with its last consumer: without routing, signals come back. */
export async function declareSignalQueue(channel: Channel): Promise<string> {
  await channel.assertExchange(SIGNAL_EXCHANGE, 'direct');
  await channel.assertQueue(SIGNAL_QUEUE, { durable: true, autoDelete: true, arguments: SIGNALS });
  return SIGNAL_QUEUE;
}

/** Declares a queue for the signals to one gateway, for as long as this connection lasts. @returns its name */
export async function declareGatewaySignalQueue(channel: Channel, gatewayId: string): Promise<string> {
  const queue = `${SIGNAL_QUEUE}.${gatewayId}.${Date.now().toString(36)}`;
  await channel.assertExchange(SIGNAL_EXCHANGE, 'direct');
  await channel.assertQueue(queue, { durable: false, exclusive: true, autoDelete: true, arguments: SIGNALS });
  await channel.bindQueue(queue, SIGNAL_EXCHANGE, gatewayId);
  return queue;
}
