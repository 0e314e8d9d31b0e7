import { createHash } from 'node:crypto';
import { Webhook } from 'standardwebhooks';

/** Headers of a signed request (Standard Webhooks). */
export type SignedHeaders = Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string>;

/** @param at time of the request, milliseconds since the Unix epoch */
export type Sign = (id: string, at: number, body: string) => SignedHeaders;

/**
 * Signs with every secret: while a secret is changed, the endpoint may know either one.
 *
 * @param secrets `whsec_` and base64
 */
export function createSign(secrets: readonly string[]): Sign {
  const webhooks = secrets.map((secret) => new Webhook(secret));
  return (id, at, body) => ({
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at / 1_000)),
    'webhook-signature': webhooks.map((webhook) => webhook.sign(id, new Date(at), body)).join(' '),
  });
}

/** The `webhook-id` of a batch: the same events in the same order have the same one, in every process. */
export function webhookId(events: readonly { event: string }[]): string {
  const hash = createHash('sha256');
  for (const { event } of events) hash.update(`${event}\n`);
  return `msg_${hash.digest('base64url').slice(0, 27)}`;
}
