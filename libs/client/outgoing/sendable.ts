/** The sender's part of an outbox entry. Only the sender changes these fields. */
export interface Sendable {
  /** Position in the outbox. */
  readonly n: number;
  /** Tries: on this connection, once it is accepted on all. */
  tries: number;
  /** It waits to be sent. */
  queued: boolean;
  /** A msg:R of it has no answer on this connection. */
  awaiting: boolean;
  /** It has had its msg:A, on this connection or an earlier one. */
  accepted: boolean;
  /** What it counts for the rate, in packets. */
  readonly cost: number;
  /** When its ttl is over, on the clock's `now()`, once it is accepted; Infinity without one. */
  expiresAt: number;
  /** When it is sent again unless its receipt comes, on the clock's `now()`; outlives the connection. */
  dueAt: number | undefined;
  /** Its last try was refused; nothing newer is sent before it is accepted. */
  refused: boolean;
}

/** A new entry, as the sender knows it. */
export const UNSENT = {
  ...{ tries: 0, dueAt: undefined, expiresAt: Infinity },
  ...{ queued: false, awaiting: false, accepted: false, refused: false },
};
