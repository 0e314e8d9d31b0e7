import { Webhook, WebhookVerificationError } from 'standardwebhooks';

/** What happened to a message, for one receiver. */
export interface WebhookMessageEvent {
  /** What happened. */
  type: 'message.accepted' | 'message.stored' | 'message.delivered' | 'message.rejected' | 'message.read';
  /** Names the fact: the same when it comes again. */
  event: string;
  /** The sender. */
  from: string;
  /** The id of the message. */
  id: string;
  /** The receiver. */
  to: string;
  /** When it happened: milliseconds since the Unix epoch on the server's clock. */
  at: number;
  /** The conversation, where the sender named one. */
  thread?: string | undefined;
  /** Why it was rejected: `mailbox_full` or `expired`. */
  reason?: string | undefined;
}

/** A device connected or left. */
export interface WebhookSessionEvent {
  /** What happened. */
  type: 'session.up' | 'session.down';
  /** Names the fact: the same when it comes again. */
  event: string;
  /** The user. */
  user: string;
  /** The device of the user. */
  device: string;
  /** When it happened: milliseconds since the Unix epoch on the server's clock. */
  at: number;
}

/** One fact of a webhook. Facts may come again, and in any order: drop those whose `event` you have seen. */
export type WebhookEvent = WebhookMessageEvent | WebhookSessionEvent;

interface HeadersLike {
  get(name: string): string | null;
}

/** Headers as Node, Express or `fetch` have them. */
export type WebhookHeaders = HeadersLike | Readonly<Record<string, string | readonly string[] | undefined>>;

/** A request that is no webhook of this server: answer 400. */
export class WebhookError extends Error {
  /** The name of the class. */
  override readonly name = 'WebhookError';
}

const HEADERS = ['webhook-id', 'webhook-timestamp', 'webhook-signature'];

/**
 * The events of a webhook request, after a check of its signature and its time (within five minutes).
 *
 * @param body the request's body as it came, before any parser
 * @param secret the setting `WEBHOOK_SECRET`: `whsec_…`, or two with a comma while it changes
 * @throws WebhookError when it is not signed with the secret, older than five minutes, or no list of events
 * @throws Error when the secret cannot be read
 */
export function verifyWebhook(
  body: string | Uint8Array,
  headers: WebhookHeaders,
  secret: string,
): WebhookEvent[] {
  const text = typeof body === 'string' ? body : new TextDecoder().decode(body);
  const signed = Object.fromEntries(HEADERS.map((name) => [name, header(headers, name)]));
  const refusals = secret.split(',').map((one) => check(new Webhook(one.trim()), text, signed));
  if (!refusals.includes(undefined)) throw new WebhookError('not signed', { cause: refusals[0] });
  const events = parse(text);
  if (Array.isArray(events) && events.every(isEvent)) return events;
  throw new WebhookError('the body is no list of events');
}

function header(headers: WebhookHeaders, name: string): string {
  const value = isHeaders(headers) ? headers.get(name) : headers[name];
  return typeof value === 'string' ? value : '';
}

const isHeaders = (headers: WebhookHeaders): headers is HeadersLike => typeof headers.get === 'function';

/** @returns why it is not signed with this secret */
function check(webhook: Webhook, body: string, headers: Record<string, string>): Error | undefined {
  try {
    webhook.verify(body, headers, { jsonParse: false });
    return undefined;
  } catch (error) {
    if (error instanceof WebhookVerificationError) return error;
    throw error;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const isEvent = (value: unknown): value is WebhookEvent =>
  typeof value === 'object' &&
  value !== null &&
  'type' in value &&
  typeof value.type === 'string' &&
  'event' in value &&
  typeof value.event === 'string';
