import type { StoredOutgoing } from '../storage.ts';
import type { Outgoing } from './outgoing.ts';
import { type Sendable, UNSENT } from './sender.ts';

/** A message in the outbox. */
export interface Entry extends Sendable {
  readonly message: Outgoing;
  /** It is in storage, and may be sent. */
  written: boolean;
}

export function newEntry(message: Outgoing, n: number, written: boolean): Entry {
  return { message, n, written, ...UNSENT };
}

export function recordOf({ n, message }: Entry): StoredOutgoing {
  const { id, to, bodyText, seq, deadlineAt, deadlineMs, at } = message;
  return {
    ...{ n, id, to, bodyText },
    ...(seq !== undefined && { seq }),
    ...(deadlineAt !== undefined && { deadlineAt }),
    ...(deadlineMs !== undefined && { deadlineMs }),
    ...(at !== undefined && { acceptedAt: at }),
  };
}
