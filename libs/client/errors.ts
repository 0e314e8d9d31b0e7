/**
 * Codes of errors, for programs:
 * - `handler`: the application's onMessage or onReceipt handler failed; it gets the item again, after pauses that grow
 * - `slow_handler`: a handler takes longer than `slowHandlerMs` for one message or receipt; later messages of the same
 *   sender wait at the server, other senders go on
 * - `skipped`: a handler gave a message or receipt up with {@link Skip}
 * - `put_aside`: messages that the handler failed on, or that wait behind a slow handler, block the mailbox. To read on,
 *   the client keeps them in its storage and confirms them; the handler gets them from there
 * - `mailbox_blocked`: the same, but `maxPutAside` messages are put aside already: the client reads no further for now
 * - `listener`: an event listener of the application threw
 * - `storage`: the storage failed; the client sent and confirmed only messages that the storage took
 * - `token`: the token function failed, did not answer in time, or gave no token; the client tries again with backoff
 * - `socket`: no WebSocket could be made (a bad address, a policy of the browser), or it threw; the client tries again
 * - `clock`: the option `clock` threw; the client uses the platform's clock instead
 * - `server`: the server refused a request permanently (`serverCode` says why)
 * - `packet`: the server sent an invalid packet
 * - `sync`: the option `sync` is set, and the server keeps no mailbox for this device: it is of an earlier version. The client
 *   goes on without
 * - `owner`: the storage belongs to another user
 * - `send`: a message failed (see {@link SendError})
 * - `closed`: the client is closed
 */
export type ClientErrorCode =
  | 'handler'
  | 'slow_handler'
  | 'skipped'
  | 'put_aside'
  | 'mailbox_blocked'
  | 'listener'
  | 'storage'
  | 'token'
  | 'socket'
  | 'clock'
  | 'server'
  | 'packet'
  | 'sync'
  | 'owner'
  | 'send'
  | 'closed';

/** An error of the client: for `onError` listeners, and in promises that reject. */
export class ClientError extends Error {
  /** The name of the class. */
  override readonly name: string = 'ClientError';
  /** What went wrong. */
  readonly code: ClientErrorCode;
  /** The code of the `error` packet, where the server said it. */
  readonly serverCode: string | undefined;

  constructor(code: ClientErrorCode, message: string, options: ErrorOptions & { serverCode?: string } = {}) {
    super(message, options);
    this.code = code;
    this.serverCode = options.serverCode;
  }
}

/** The client is closed. */
export const closedError = (reason: string) => new ClientError('closed', `the client is closed: ${reason}`);

/** Rejects promises for a state that a message cannot reach (any more). */
export class SendError extends ClientError {
  /** The name of the class. */
  override readonly name = 'SendError';
  /** The message that it is about. */
  readonly id: string;
  /** `deadline`, `cancelled`, `storage`, `too_large`, `mailbox_full`, `expired`, or the server's code (`forbidden`). */
  readonly reason: string;

  constructor(id: string, state: string, reason: string) {
    super('send', `message ${id} is ${state}: ${reason}`);
    this.id = id;
    this.reason = reason;
  }
}

/**
 * Thrown by a handler to give a message or receipt up: the handler does not get it again. A message counts as handled and
 * is confirmed, so its sender sees `delivered`: this device did receive it. onError gets `skipped`, with this as its
 * cause.
 */
export class Skip extends Error {
  /** The name of the class. */
  override readonly name = 'Skip';

  constructor(reason = 'given up by the application', options: ErrorOptions = {}) {
    super(reason, options);
  }
}
