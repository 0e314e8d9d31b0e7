import type { StoredIncoming } from '../storage.ts';
import type { Confirm } from './fate.ts';
import type { IncomingMessage } from './message.ts';

/** A message between its arrival and its confirmation. */
export interface Held {
  readonly message: IncomingMessage;
  readonly confirms: Confirm[];
  /** Position in the inbox of the storage; 0 until it is on its way there. */
  n: number;
  /** The application has it, and storage takes note of that. */
  handled: boolean;
  /** Storage failed to: not confirmed, and not handed on a second time. */
  unrecorded: boolean;
  /** Not left to the server any more: from the last run, or put aside. Tried again from here. */
  kept: boolean;
  /** On disk: this client answers for it, and it can be confirmed. */
  safe: boolean;
  /** Kept, and waits for its next try. */
  resting: boolean;
}

export const newHeld = (message: IncomingMessage, n = 0): Held => ({
  ...{ message, confirms: [], n, handled: false, unrecorded: false },
  ...{ kept: false, safe: false, resting: false },
});

export const nameOf = ({ from, id }: { from: string; id: string }) => `${from}/${id}`;

export const toStore = ({ n, message }: Held): StoredIncoming => ({ ...message, n });
