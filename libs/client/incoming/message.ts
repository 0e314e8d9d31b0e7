import type { MsgN } from '../../protocol/packets.ts';

/** A message for the application. */
export interface IncomingMessage {
  /** The user who sent it. */
  readonly from: string;
  /** Chosen by the sender; with `from` it names the message. */
  readonly id: string;
  /** Any JSON value. */
  readonly body: unknown;
  /** The server's time, milliseconds since the epoch; sorts the messages of one sender (see `byOrder`). */
  readonly at: number;
  /** The sender's own counter, where it gave one. */
  readonly seq?: number;
  /** The conversation, where the sender named one. */
  readonly thread?: string;
  /** The sender asks for a read receipt: give the message to `markRead` when the user has seen it. */
  readonly read?: string;
  /** The receivers, as sent, where another device of this user sent it. */
  readonly to?: string | readonly string[];
  /** Another device of this user sent it. Only with the option `sync`. */
  readonly own?: true;
  /**
   * The program ended while the handler may have been at work on this message: it may have been handled already.
   * Only messages with this mark can be second ones.
   */
  readonly again?: true;
  /** How often the handler has failed on it, in this run of the program. */
  readonly failures?: number;
}

/**
 * May be asynchronous. The message is confirmed to the server once it has returned, or its promise resolved. If it
 * throws, the message comes again, after pauses that grow; if it throws {@link Skip}, the message is given up.
 */
export type MessageHandler = (message: IncomingMessage) => unknown;

/** The message for the application in a msg:N, or in an entry of the mailbox. */
export const toMessage = ({ from, id, body, at, ...rest }: Omit<MsgN, 'type'>): IncomingMessage => {
  const { seq, thread, read, to } = rest;
  return {
    ...{ from, id, body, at },
    ...(seq !== undefined && { seq }),
    ...(thread !== undefined && { thread }),
    ...(read !== undefined && { read }),
    ...(to !== undefined && { to, own: true as const }),
  };
};
