/**
 * An incarnation is one life of the gateway in the broker: its own queue, the binding of that queue, a row in `gateways`,
 * and a lease on them. Each incarnation creates all of them under a new name. Nothing is ever repaired.
 *
 * State     Means                                               Ends when
 * none      no connection to the broker                         the queue and its binding are declared: asking
 * asking    no lease yet                                        a lease is granted: settling or ready
 * settling  granted; the queue is too young (QUEUE_SETTLE_MS)   the queue is old enough: ready
 * ready     sessions are announced                              no grant for two leases, counted from the request of
 *                                                               the last granted lease: stale
 * stale     no session can be announced; existing ones stay     a lease is granted: ready
 *
 * Every state ends, and a new incarnation begins, when:
 * - The connection is lost, or the queue was deleted (the broker cancels the consumer).
 * - A tombstone arrives: routing declared the incarnation dead. Routing does so when no renewal came for two leases, when
 *   the row is gone, or when an entry for the incarnation was returned because its queue is not bound.
 * - The incarnation is asking or stale for two leases, and a probe that is published as routing publishes does not come
 *   through the queue. (If the probe arrives, routing is down. A new queue would not help, and a long outage would
 *   leave many of them.)
 * The heirs take over the messages in the old queue, bound or not. The new incarnation announces all sessions.
 */
export type IncarnationState = 'none' | 'asking' | 'settling' | 'ready' | 'stale';

export interface IncarnationFacts {
  /** The queue is declared and consumed. */
  connected: boolean;
  /** A granted lease waits for the queue to be old enough. */
  settling: boolean;
  /** A lease of this incarnation was in force once. */
  granted: boolean;
  /** A lease is in force. */
  holds: boolean;
}

export function stateOf({ connected, settling, granted, holds }: IncarnationFacts): IncarnationState {
  if (!connected) return 'none';
  if (holds) return 'ready';
  if (granted) return 'stale';
  return settling ? 'settling' : 'asking';
}
