/**
 * What became of a message or receipt on its way to the application:
 * - `handed`: the application has it, or this client's storage answers for it. Confirm it
 * - `failed`: it was tried now, in vain; the server keeps it
 * - `later`: it is not its turn (its handler failed a short while ago, or is busy with an earlier one); the server
 *   keeps it
 * - `slow`: its handler has been at work for long; `handed` or `failed` may follow
 */
export type Fate = 'handed' | 'failed' | 'later' | 'slow';

/** Called when the fate is known; once, or twice when it is `slow` first. */
export type Confirm = (fate: Fate) => void;

/** `live`: as msg:N or ack:N. `mailbox`: in an offline:N, which comes again as often as the mailbox is read. */
export type Way = 'live' | 'mailbox';

/** Most copies of one message that wait for its fate; the server repeats what is not confirmed. */
const MAX_WAITING = 16;

/** Adds one who waits for a fate; the oldest makes room, and is told that the server keeps its copy. */
export function addConfirm(confirms: Confirm[], confirm: Confirm): void {
  if (confirms.length >= MAX_WAITING) confirms.shift()?.('later');
  confirms.push(confirm);
}
