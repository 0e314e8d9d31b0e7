/**
 * The reference client, for browsers and Node: one instance is one user on one device.
 *
 *     const client = connect({ url: 'ws://127.0.0.1:8080/ws', token: () => fetchToken() });
 *     client.onMessage(({ from, body }) => show(from, body));
 *     const message = client.send('bob', { text: 'hello' });
 *     message.onState(({ state }) => showState(state)); // sending, sent, stored, delivered …
 *
 * Storage that outlives the program: `@sixfold/client/indexeddb` in browsers, `@sixfold/client/level` on Node; anything that
 * keeps the contract of `Storage`.
 */
export { type Client, connect } from './client.ts';
export type { CloseOptions, SendOptions } from './send-options.ts';
export type { BackoffOptions } from './timing/backoff.ts';
export { type Clock, systemClock } from './timing/clock.ts';
export type { Session, Status } from './connection/status.ts';
export type { Unsubscribe } from './emitter.ts';
export { ClientError, type ClientErrorCode, SendError, Skip } from './errors.ts';
export type { IncomingMessage, MessageHandler } from './incoming/message.ts';
export { type ConnectOptions, DEFAULT_TUNING, type TokenSource, type Tuning } from './options.ts';
export { byOrder } from './order.ts';
export type { OutgoingMessage, ReceiverState } from './outgoing/outgoing-message.ts';
export type { OutgoingState } from './outgoing/outgoing-state.ts';
export type { Receipt } from './outgoing/receipt.ts';
export type { Missed, MissedHandler } from './incoming/missed.ts';
export type { Signal, SignalOptions } from './signals.ts';
export { throttle } from './timing/throttle.ts';
export type { ReceiptHandler } from './incoming/receipts.ts';
export type { SocketConstructor, SocketLike } from './connection/socket.ts';
export type {
  Change,
  Durability,
  MessageName,
  Storage,
  Stored,
  StoredIncoming,
  StoredOutgoing,
  StoredRead,
  StoredReceipt,
} from './storage.ts';
export { MemoryStorage, type MemoryStorageOptions } from './storage/memory.ts';
