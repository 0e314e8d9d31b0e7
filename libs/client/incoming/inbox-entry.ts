import type { StoredIncoming } from '../storage.ts';
import type { OnResult } from './delivery-result.ts';
import type { IncomingMessage } from './message.ts';

/** A message between its arrival and its confirmation. */
export interface InboxEntry {
  readonly message: IncomingMessage;
  readonly callbacks: OnResult[];
  /** Position in the inbox of the storage; 0 until it is on its way there. */
  n: number;
  /** The application has it, and storage takes note of that. */
  handled: boolean;
  /** Storage failed to: not confirmed, and not handed on a second time. */
  unrecorded: boolean;
  /** Not left to the server any more: from the last run, or put aside. Tried again from here. */
  local: boolean;
  /** On disk: this client answers for it, and it can be confirmed. */
  durable: boolean;
  /** RetryQueue, and waits for its next try. */
  delayed: boolean;
}

export const newInboxEntry = (message: IncomingMessage, n = 0): InboxEntry => ({
  ...{ message, callbacks: [], n, handled: false, unrecorded: false },
  ...{ local: false, durable: false, delayed: false },
});

export const nameOf = ({ from, id }: { from: string; id: string }) => `${from}/${id}`;

export const toStore = ({ n, message }: InboxEntry): StoredIncoming => ({ ...message, n });
