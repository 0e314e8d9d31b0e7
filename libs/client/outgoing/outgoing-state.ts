/**
 * What the sender knows of a message (PROTOCOL: what a client must do, 3):
 * - `sending`: not accepted yet
 * - `sent`: accepted (msg:A); only the server is responsible from here on
 * - `stored`: the receiver is away, the message waits in the mailbox
 * - `delivered`: a device of the receiver confirmed it
 * - `rejected`: the server will not deliver it
 * - `failed`: the user gave up before it was accepted, or the server refused it
 *
 * Events and transitions:
 *
 *     sending ───────────────── given up ──▶ failed
 *     failed ────────────────── retried ───▶ sending
 *     sending, failed ───────── accepted ──▶ sent
 *     sending, failed, sent ─── stored ────▶ stored
 *     all but the final ones ── delivered ─▶ delivered (final)
 *     all but the final ones ── rejected ──▶ rejected (final)
 *
 * Every other event changes nothing.
 */
export type OutgoingState = 'sending' | 'sent' | 'stored' | 'delivered' | 'rejected' | 'failed';

/** Events of a message. */
export type OutgoingEvent = 'accepted' | 'stored' | 'delivered' | 'rejected' | 'given up' | 'retried';

/** The order of the states; a message never goes back. For `failed` the server has said nothing. */
const RANK: Record<OutgoingState, number> = {
  failed: 0,
  sending: 0,
  sent: 1,
  stored: 2,
  delivered: 3,
  rejected: 3,
};

const TARGET: Record<OutgoingEvent, OutgoingState> = {
  accepted: 'sent',
  stored: 'stored',
  delivered: 'delivered',
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
  return RANK[target] > RANK[state] ? target : state;
}

/** Can a message in `state` still come to `wanted`, is it there (or beyond), or will it never be? */
export function prospect(state: OutgoingState, wanted: 'sent' | 'stored' | 'delivered' | 'settled') {
  if (state === 'failed') return 'never';
  if (wanted === 'settled') return RANK[state] === RANK.delivered ? 'there' : 'maybe';
  if (state === 'rejected' && wanted !== 'sent') return 'never';
  return RANK[state] >= RANK[wanted] ? 'there' : 'maybe';
}
