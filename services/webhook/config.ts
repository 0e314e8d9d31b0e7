import { z } from 'zod';
import { brokerConfig } from '#libs/broker/config.ts';
import { eventsConfig } from '#libs/events/config.ts';
import { common, ConfigError, decimal, integer, readConfig, webAddress } from '#libs/runtime/config.ts';
import { allowPlainHttp, requireHttps } from '#libs/runtime/plain-http.ts';

/**
 * Most unacknowledged deliveries, which may hold one event each: enough for a full batch in every place that a batch
 * can be (sender.ts).
 */
export const PREFETCH = 1_000;

/** Shortest key, bytes (Standard Webhooks: 24 to 64). */
const MIN_KEY_BYTES = 24;

const isSecret = (text: string) =>
  /^whsec_[A-Za-z0-9+/]+={0,2}$/.test(text) &&
  Buffer.from(text.slice('whsec_'.length), 'base64').length >= MIN_KEY_BYTES;

/** What decides where events go, and how. */
export const webhookSettings = {
  WEBHOOK_URL: webAddress.optional().meta({
    default: 'none; needed',
    description:
      'Address that gets the events, by POST. Its query may hold a key of yours; a user name or password is refused.',
  }),
  WEBHOOK_SECRET: z
    .string()
    .transform((text) => text.split(',').map((secret) => secret.trim()))
    .refine((secrets) => secrets.length <= 2 && secrets.every(isSecret), {
      error: 'must be whsec_ and at least 24 bytes in base64, or two of these with a comma',
    })
    .optional()
    .meta({
      default: 'none; needed',
      description:
        'Key of the signatures: `whsec_` and at least 24 bytes in base64. Two with a comma while it is changed: then each ' +
        'request has a signature of both. [More](OPERATIONS.md#webhook).',
    }),
  WEBHOOK_MAX_HOURS: decimal(24).meta({
    unit: 'h',
    description:
      'How long an event is tried, from the moment that it was published. An event that is older goes to `sixfold.dead` ' +
      'after its next failed try.',
  }),
  WEBHOOK_HOLD_MS: integer(900_000, 1_000).meta({
    unit: 'ms',
    description:
      'Longest time that the service keeps an event unacknowledged; then it returns everything to the queue, pauses up to a ' +
      'minute, and begins anew. Must be well below `consumer_timeout` of RabbitMQ (30 minutes).',
  }),
};

/** Every setting of the webhook service; the unit stands in the name. */
export const webhookConfig = {
  ...common,
  ...brokerConfig,
  ...eventsConfig,
  ...webhookSettings,
  ALLOW_PLAIN_HTTP: allowPlainHttp,
};

/** @throws ConfigError */
export function readWebhookConfig(env: NodeJS.ProcessEnv = process.env) {
  const config = readConfig(webhookConfig, env);
  const { WEBHOOK_URL, WEBHOOK_SECRET } = config;
  if (WEBHOOK_URL === undefined || WEBHOOK_SECRET === undefined)
    throw new ConfigError(
      'WEBHOOK_URL and WEBHOOK_SECRET must be set; `echo whsec_$(openssl rand -base64 32)` makes a secret',
    );
  requireHttps('WEBHOOK_URL', WEBHOOK_URL, config.ALLOW_PLAIN_HTTP);
  return { ...config, WEBHOOK_URL, WEBHOOK_SECRET };
}
