import type { OnResult } from './delivery-result.ts';
import type { Item } from './handler-runner.ts';
import type { IncomingMessage } from './message.ts';

/** A message between its arrival and its confirmation. */
export interface InboxEntry extends Item {
  readonly message: IncomingMessage;
  readonly callbacks: OnResult[];
  /** Position in the inbox of the storage; 0 before it is written. */
  n: number;
  /** The application has handled it. The storage does not say so yet. */
  handled: boolean;
  /** The storage failed to record that: not confirmed, and not handled a second time. */
  unrecorded: boolean;
  /** Not left to the server: from the last run, or put aside. The client tries it again. */
  local: boolean;
  /** On disk: this client is responsible for it, and can confirm it. */
  durable: boolean;
  /** Local, and waits for its next try. */
  delayed: boolean;
}

export const newInboxEntry = (message: IncomingMessage, n = 0): InboxEntry => ({
  ...{ key: message.from, name: nameOf(message), message, callbacks: [], n },
  ...{ handled: false, unrecorded: false, local: false, durable: false, delayed: false },
});

export const nameOf = ({ from, id }: { from: string; id: string }) => `${from}/${id}`;
