/** Options of `send`. */
export interface SendOptions {
  /** Names the message; default: a new id. A second send() with the same id is the same message. */
  id?: string;
  /** The application's own counter; receivers sort by it and see gaps. */
  seq?: number;
  /** Names a conversation (a group, a topic): 1 to 128 of `A-Z a-z 0-9 . _ : @ -`. It comes with the message. */
  thread?: string;
  /** After as many seconds, 1 to 2,592,000, the message is of no use: who has not got it by then never does. */
  ttl?: number;
  /** Asks for a read receipt: the state `read`. */
  read?: boolean;
  /** How long the message may be `sending` before it is `failed`, milliseconds; default: for ever. */
  deadlineMs?: number;
}

/** Options of `close`. */
export interface CloseOptions {
  /** How long messages and confirmations under way may take, milliseconds. */
  flushMs?: number;
}
