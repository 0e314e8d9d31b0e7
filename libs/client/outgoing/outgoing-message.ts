import type { Unsubscribe } from '../emitter.ts';
import type { OutgoingState } from './outgoing-state.ts';

/** One receiver of a message, and what became of the message there. */
export interface ReceiverState {
  /** The receiver. */
  readonly to: string;
  /** The state of the message as far as this receiver is concerned. */
  readonly state: OutgoingState;
  /** Why it is `failed` or `rejected`. */
  readonly reason?: string | undefined;
  /** The server's time of the last receipt. */
  readonly receiptAt?: number | undefined;
}

/** An outgoing message and its state. */
export interface OutgoingMessage {
  /** Unique among the messages of this user. */
  readonly id: string;
  /** The user that it is for, or several: as it was given to send(). */
  readonly to: string | readonly string[];
  /** The application's own counter, where it gave one. */
  readonly seq: number | undefined;
  /** The conversation, where the application named one. */
  readonly thread: string | undefined;
  /** It is of no use after as many seconds. */
  readonly ttl: number | undefined;
  /** It asks for a read receipt. */
  readonly read: true | undefined;
  /**
   * Its state as far as the client knows. With several receivers, the state of the one that is least advanced: `delivered`
   * when all have it, and `rejected` when nothing more is to come and one of them was rejected.
   */
  readonly state: OutgoingState;
  /** Why it is `failed` or `rejected`. */
  readonly reason: string | undefined;
  /** Each receiver with its own state, in the order of `to`. */
  readonly receivers: readonly ReceiverState[];
  /** The server's time of its first msg:A seen here; receivers sort by it. */
  readonly at: number | undefined;
  /** The server's time of the last receipt. */
  readonly receiptAt: number | undefined;
  /** Called at every change of `state`, and of the state of a receiver. */
  onState(listener: (message: OutgoingMessage) => void): Unsubscribe;
  /**
   * Resolves once the server is responsible for it (`sent` or further). This promise and the next two end in any case:
   * once the client is closed, by the caller or for a reason of its own, they reject with `closed` unless the answer is
   * known. The message itself may still go out: in the next run, or after reconnect().
   *
   * @throws SendError when it failed @throws ClientError `closed`
   */
  accepted(): Promise<OutgoingState>;
  /**
   * Resolves once it is in `state` or further, for all its receivers. `read` comes only for a message that asked for it, and
   * only if the receiver's application says so. @throws SendError when it failed, or was rejected before that
   */
  reached(state: 'sent' | 'stored' | 'delivered' | 'read'): Promise<OutgoingState>;
  /** Resolves once its state is final (`delivered` or further, or `rejected`). @throws SendError when it failed */
  settled(): Promise<OutgoingState>;
  /** Gives up. Only a message that is still `sending` can be given up. @returns whether it is `failed` now */
  cancel(): boolean;
  /**
   * Sends a `failed` message again under the same id, to those of its receivers that have no receipt.
   *
   * @returns whether it is `sending` again
   */
  retry(): boolean;
}
