/**
 * The result of the attempt to give a message or receipt to the application:
 * - `done`: the application has it, or the storage of this client does. Confirm it
 * - `failed`: the attempt failed; the server keeps it
 * - `later`: no attempt now (its handler failed a short while ago, or is busy with an earlier one); the server keeps it
 * - `slow`: its handler takes long; `done` or `failed` may follow
 */
export type DeliveryResult = 'done' | 'failed' | 'later' | 'slow';

/** Called once with the result, or twice when the first is `slow`. */
export type OnResult = (result: DeliveryResult) => void;

/** `live`: as msg:N or ack:N. `mailbox`: in an offline:N, which comes again as often as the mailbox is read. */
export type Source = 'live' | 'mailbox';

/** Most copies of one message that wait for its result. The server sends unconfirmed messages again. */
const MAX_WAITING = 16;

/** Adds one who waits for a result; the oldest makes room, and is told that the server keeps its copy. */
export function addCallback(callbacks: OnResult[], callback: OnResult): void {
  if (callbacks.length >= MAX_WAITING) callbacks.shift()?.('later');
  callbacks.push(callback);
}
