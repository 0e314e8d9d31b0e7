import type { StoredOutgoing } from '../storage.ts';
import type { SteadyClock } from '../timing/steady-clock.ts';
import type { Outgoing } from './outgoing.ts';
import { costOf } from './rate.ts';
import { type Sendable, UNSENT } from './sendable.ts';

/** A message in the outbox. */
export interface Entry extends Sendable {
  readonly message: Outgoing;
  /** Position in the outbox; Infinity while it is held in memory. */
  n: number;
  /** It is in storage, and may be sent. */
  written: boolean;
}

export function newEntry(message: Outgoing): Entry {
  return { message, n: Infinity, written: false, ...UNSENT, cost: costOf(message.receivers.length) };
}

/** An entry of the last run, and what came for it. */
export function restoredEntry(message: Outgoing, { n, acceptedAt, receipts = [] }: StoredOutgoing): Entry {
  for (const { state, ...details } of receipts) message.apply(state, details);
  if (acceptedAt !== undefined) message.apply('accepted', { at: acceptedAt });
  return { ...newEntry(message), n, written: true, accepted: acceptedAt !== undefined };
}

/** Once the message is accepted, its ttl runs, by the server's clock. */
export function startExpiry(entry: Entry, clock: SteadyClock): void {
  const { at, ttl } = entry.message;
  if (ttl === undefined || at === undefined || entry.expiresAt !== Infinity) return;
  const { server, latest } = clock.dates();
  entry.expiresAt = clock.now() + Math.min(ttl * 1000, at + ttl * 1000 - (server ?? latest));
}

export function recordOf({ n, message }: Entry): StoredOutgoing {
  const { id, to, bodyText, seq, thread, ttl, read, deadlineAt, deadlineMs, at, receipts } = message;
  return {
    ...{ n, id, to, bodyText, seq, thread, ttl, read, deadlineAt, deadlineMs, acceptedAt: at },
    receipts: receipts.length > 0 ? receipts : undefined,
  };
}
