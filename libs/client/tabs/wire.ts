import type { Status } from '../connection/status.ts';
import type { IncomingMessage } from '../incoming/message.ts';
import type { Missed } from '../incoming/missed.ts';
import type { OutgoingFields } from '../outgoing/outgoing.ts';
import type { OutgoingMessage } from '../outgoing/outgoing-message.ts';
import type { Receipt } from '../outgoing/receipt.ts';
import type { Signal } from '../signals.ts';
import type { StoredRead } from '../storage.ts';

/** An outgoing message and its state, as it passes between tabs. */
export type Snapshot = Pick<
  OutgoingMessage,
  'id' | 'to' | 'seq' | 'thread' | 'ttl' | 'read' | 'receivers' | 'at'
>;

export const snapshotOf = (message: OutgoingMessage): Snapshot => {
  const { id, to, seq, thread, ttl, read, receivers, at } = message;
  return { id, to, seq, thread, ttl, read, receivers: receivers.map((receiver) => ({ ...receiver })), at };
};

/** What a tab asks of the leader. Each may come twice: a tab asks again when there is a new leader. */
export type Request =
  /** Tell me the state of everything. */
  | { readonly do: 'hello' }
  | { readonly do: 'send'; readonly fields: OutgoingFields }
  | { readonly do: 'cancel' | 'retry'; readonly id: string }
  | { readonly do: 'read'; readonly item: StoredRead }
  | {
      readonly do: 'signal';
      readonly to: string | readonly string[];
      readonly body: unknown;
      readonly thread: string | undefined;
    }
  | { readonly do: 'reconnect' | 'signOut' };

/** What the leader tells all tabs. */
export type News =
  /** `leader`: another one for each leader. */
  | { readonly is: 'status'; readonly status: Status; readonly leader: string }
  | { readonly is: 'outgoing'; readonly messages: readonly Snapshot[] }
  /** The leader's client did not take the message. */
  | { readonly is: 'refused'; readonly id: string; readonly reason: string }
  | { readonly is: 'message'; readonly message: IncomingMessage }
  | { readonly is: 'receipt'; readonly receipt: Receipt }
  | { readonly is: 'missed'; readonly missed: Missed }
  | { readonly is: 'signal'; readonly signal: Signal }
  /** A mark of markRead is in the hands of the leader's client. */
  | { readonly is: 'marked'; readonly item: StoredRead }
  /** The device is signed out: no tab goes on. */
  | { readonly is: 'over' }
  /** It could not be signed out. */
  | { readonly is: 'stays'; readonly reason: string };
