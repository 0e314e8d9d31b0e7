import { z } from 'zod';
import { certificates, integer } from '#libs/runtime/config.ts';

/** Settings of every service, for the broker. All services must have the same ROUTE_PARTITIONS and QUEUE_TYPE. */
export const brokerConfig = {
  /** Addresses of the broker's nodes, separated by commas. */
  AMQP_URL: z
    .string()
    .default('amqp://127.0.0.1:5672')
    .transform((urls) => urls.split(',').map((url) => url.trim()))
    .refine((urls) => urls.every((url) => /^amqps?:\/\/./.test(url) && URL.canParse(url)), {
      error: 'must be amqp:// or amqps:// addresses, separated by commas',
    }),
  /** Path of a PEM file: the CAs whose certificates the nodes must show, each for its name in AMQP_URL. */
  AMQP_CA: certificates(),
  /** `quorum`, or `classic` for a single node that wants it. */
  QUEUE_TYPE: z.enum(['quorum', 'classic']).default('quorum'),
  /** Number of route queues. */
  ROUTE_PARTITIONS: integer(8, 1, 256),
  /** AMQP heartbeat, seconds: a silent peer is given up after two to three. */
  AMQP_HEARTBEAT_S: integer(5, 1, 60),
};
