/**
 * What became of a message or receipt on its way to the application:
 * - `done`: the application has it, or this client's storage answers for it. OnResult it
 * - `failed`: it was tried now, in vain; the server keeps it
 * - `later`: it is not its turn (its handler failed a short while ago, or is busy with an earlier one); the server
 *   keeps it
 * - `slow`: its handler has been at work for long; `done` or `failed` may follow
 */
export type DeliveryResult = 'done' | 'failed' | 'later' | 'slow';

/** Called when the result is known; once, or twice when it is `slow` first. */
export type OnResult = (result: DeliveryResult) => void;

/** `live`: as msg:N or ack:N. `mailbox`: in an offline:N, which comes again as often as the mailbox is read. */
export type Source = 'live' | 'mailbox';

/** Most copies of one message that wait for its result; the server repeats what is not confirmed. */
const MAX_WAITING = 16;

/** Adds one who waits for a result; the oldest makes room, and is told that the server keeps its copy. */
export function addCallback(callbacks: OnResult[], callback: OnResult): void {
  if (callbacks.length >= MAX_WAITING) callbacks.shift()?.('later');
  callbacks.push(callback);
}
