import { z } from 'zod';
import { certificates, integer } from '#libs/runtime/config.ts';

/** Settings of every service for the broker, and what all services must agree on. */
export const brokerConfig = {
  AMQP_URL: z
    .string()
    .default('amqp://127.0.0.1:5672')
    .transform((urls) => urls.split(',').map((url) => url.trim()))
    .refine((urls) => urls.every((url) => /^amqps?:\/\/./.test(url) && URL.canParse(url)), {
      error: 'must be amqp:// or amqps:// addresses, separated by commas',
    })
    .meta({
      description:
        'RabbitMQ 3.10 or newer. Several addresses (`amqp://` or `amqps://`), separated by commas, are the nodes of one ' +
        'cluster, tried in turn.',
    }),
  AMQP_CA: certificates().meta({
    description:
      'Path of a PEM file with CAs. Each broker node must show a certificate that one of them signed, for its name in ' +
      '`AMQP_URL` (all `amqps://`). Without it, the CAs that Node knows. [Transport](SECURITY.md#transport).',
  }),
  QUEUE_TYPE: z.enum(['quorum', 'classic']).default('quorum').meta({
    description:
      '`quorum`, or `classic` for a single node. [The same everywhere](#settings-that-must-agree).',
  }),
  ROUTE_PARTITIONS: integer(8, 1, 256).meta({
    unit: 'queues',
    description:
      'Number of route queues: the most routing instances that share the work. [The same everywhere](#settings-that-must-agree).',
  }),
  AMQP_HEARTBEAT_S: integer(5, 1, 60).meta({
    unit: 's',
    description:
      'AMQP heartbeat. A silent peer (frozen, cut off) is given up after two to three of them. A process that dies is ' +
      'noticed at once.',
  }),
  GATEWAY_LEASE_MS: integer(15_000, 1_000, 600_000).meta({
    unit: 'ms',
    description:
      'How long a gateway counts as alive after it renewed its lease; it does so three times in that span. Then its ' +
      'sessions count as away; after two leases of silence its queue is removed. [The same everywhere](#settings-that-must-agree).',
  }),
};
