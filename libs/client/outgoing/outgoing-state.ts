/**
 * What the sender knows of a message (PROTOCOL: what a client must do, 3):
 * - `sending`: not accepted yet
 * - `sent`: accepted (msg:A); the server alone is responsible from here on
 * - `stored`: the receiver is away, it waits in the mailbox
 * - `delivered`: a device of the receiver confirmed it
 * - `rejected`: the server will not deliver it
 * - `failed`: the user gave up before it was accepted, or the server refused it
 */
export type OutgoingState = 'sending' | 'sent' | 'stored' | 'delivered' | 'rejected' | 'failed';

/** What can happen to a message. */
export type OutgoingEvent = 'accepted' | 'stored' | 'delivered' | 'rejected' | 'given up' | 'retried';

/** How far a state is on the way; a message never goes back. `failed` is no knowledge of the server's at all. */
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
 * The state after an event. Only `sending` can become `failed`, and a message that the server spoke of after all goes
 * on from `failed`: the truth wins over what was assumed. What would be a step back changes nothing.
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
