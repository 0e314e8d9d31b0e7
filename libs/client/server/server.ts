/**
 * For back ends: sends over HTTP, and checks webhooks. Needs `fetch` (Node 20 or later, and other runtimes), no WebSocket.
 *
 *     const sixfold = new ServerClient({ url: 'https://chat.example', token: SERVICE_TOKEN });
 *     await sixfold.sendMessage({ from: 'shop', to: 'bob', body: 'your parcel is here' });
 *     const events = verifyWebhook(request.body, request.headers, WEBHOOK_SECRET);
 */
export { ServerClient } from './server-client.ts';
export type { ServerClientOptions } from './http-transport.ts';
export { type Failure, HttpError } from './http-error.ts';
export type { RetryOptions } from './retries.ts';
export type {
  Accepted,
  BatchResult,
  Device,
  MailboxOf,
  MailboxPage,
  NewMessage,
  NotAccepted,
  Presence,
  ReadItem,
} from './server-types.ts';
export {
  verifyWebhook,
  type WebhookEvent,
  type WebhookHeaders,
  type WebhookMessageEvent,
  type WebhookSessionEvent,
  WebhookError,
} from './webhook.ts';
export type { BackoffOptions } from '../timing/backoff.ts';
