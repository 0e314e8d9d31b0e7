/**
 * What the sender knows of a message (PROTOCOL: what a client must do, 3):
 * - `sending`: not accepted yet
 * - `sent`: accepted (msg:A); only the server is responsible from here on
 * - `stored`: the receiver is away, the message waits in the mailbox
 * - `delivered`: a device of the receiver confirmed it
 * - `read`: the receiver has seen it, and says so
 * - `rejected`: the server will not deliver it
 * - `failed`: the user gave up before it was accepted, or the server refused it
 *
 * Events and transitions:
 *
 *     sending ───────────────── given up ──▶ failed
 *     failed ────────────────── retried ───▶ sending
 *     sending, failed ───────── accepted ──▶ sent
 *     sending, failed, sent ─── stored ────▶ stored
 *     all but the final ones ── delivered ─▶ delivered (final, but for `read`)
 *     all but `rejected` ────── read ──────▶ read (final)
 *     all but the final ones ── rejected ──▶ rejected (final)
 *
 * Every other event changes nothing.
 */
export type OutgoingState = 'sending' | 'sent' | 'stored' | 'delivered' | 'read' | 'rejected' | 'failed';

/** Events of a message. */
export type OutgoingEvent =
  'accepted' | 'stored' | 'delivered' | 'read' | 'rejected' | 'given up' | 'retried';

/** The order of the states; a message never goes back. For `failed` the server has said nothing. */
const RANK: Record<OutgoingState, number> = {
  failed: 0,
  sending: 0,
  sent: 1,
  stored: 2,
  rejected: 3,
  delivered: 3,
  read: 4,
};

const TARGET: Record<OutgoingEvent, OutgoingState> = {
  accepted: 'sent',
  stored: 'stored',
  delivered: 'delivered',
  read: 'read',
  rejected: 'rejected',
  'given up': 'failed',
  retried: 'sending',
};

/**
 * The state after an event. A `failed` message that the server confirms after all goes on: the server knows better. An
 * event that would be a step back changes nothing.
 */
export function nextState(state: OutgoingState, event: OutgoingEvent): OutgoingState {
  const target = TARGET[event];
  if (event === 'given up') return state === 'sending' ? target : state;
  if (event === 'retried') return state === 'failed' ? target : state;
  return RANK[target] > RANK[state] && state !== 'rejected' ? target : state;
}

/** Compares states by how far they are; `rejected` counts as less than `delivered`. */
export const byProgress = (a: OutgoingState, b: OutgoingState): number =>
  RANK[a] - RANK[b] || Number(b === 'rejected') - Number(a === 'rejected');

/** Has the server told the receiver's part of it (ack:N)? */
export const isTold = (state: OutgoingState): boolean => RANK[state] >= RANK.stored;

/** Is no other state but `read` to come? */
export const isSettled = (state: OutgoingState): boolean => RANK[state] >= RANK.delivered;

/** Can a message in `state` still come to `wanted`, is it there (or beyond), or will it never be? */
export function prospect(state: OutgoingState, wanted: 'sent' | 'stored' | 'delivered' | 'read' | 'settled') {
  if (state === 'failed') return 'never';
  if (wanted === 'settled') return isSettled(state) ? 'there' : 'maybe';
  if (state === 'rejected' && wanted !== 'sent') return 'never';
  return RANK[state] >= RANK[wanted] ? 'there' : 'maybe';
}
