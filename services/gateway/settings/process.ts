import { integer } from '#libs/runtime/config.ts';

/** Limits of the whole process, and its orderly stop. */
export const processConfig = {
  GATEWAY_PREFETCH: integer(1_000, 10, 10_000).meta({
    unit: 'deliveries',
    description:
      'Prefetch: deliveries (each a batch of entries) that clients have not settled. From 90 % on, the messages of the ' +
      'oldest tenth go to the mailbox, so that clients who do not answer hold nobody up.',
  }),
  MAX_UNSETTLED_BYTES: integer(64 * 1024 * 1024, 1024 * 1024).meta({
    unit: 'bytes',
    description:
      'Size of these deliveries. From 60 % on, the oldest go to the mailbox likewise; from 80 % on, the gateway reads ' +
      'nothing more from the broker. When that lasts 5 s, or the limit is reached, the routing instances take over all ' +
      'deliveries, and the gateway begins with a new queue.',
  }),
  QUEUE_SETTLE_MS: integer(1_500, 0, 60_000).meta({
    unit: 'ms',
    description:
      'Age of its new queue at which a gateway becomes ready and announces sessions. RabbitMQ 3.10 may lose a quorum ' +
      'queue that it declared less than about a second before it was killed.',
  }),
  DRAIN_DELAY_MS: integer(0, 0, 60_000).meta({
    unit: 'ms',
    description:
      'How long a gateway still accepts clients after SIGTERM, before it says `bye`. `/readyz` says `draining` at once, ' +
      'so a load balancer that asks it has this long to send new clients elsewhere. Without it, clients that come back ' +
      'may find the gateway gone.',
  }),
  DRAIN_SPREAD_MS: integer(5_000, 0).meta({
    unit: 'ms',
    description: '`bye` with `draining` tells each client a random `reconnectAfterMs` up to this.',
  }),
};
