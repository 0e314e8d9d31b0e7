/**
 * What went wrong, for programs:
 * - `handler`: the application's onMessage or onReceipt handler failed; what it was given comes again, after pauses that grow
 * - `slow_handler`: a handler has been at work on one message or receipt for longer than `slowHandlerMs`; what its sender
 *   sent after it waits at the server, other senders go on
 * - `skipped`: a handler gave a message or receipt up with {@link Skip}
 * - `put_aside`: messages that the handler failed on, or that wait behind a slow handler, fill the head of the mailbox. To
 *   read on, the client keeps them in its storage and confirms them; it hands them on from there
 * - `mailbox_blocked`: the same, and as many are kept as may be (`maxPutAside`): nothing behind them is read for now
 * - `listener`: an event listener of the application threw
 * - `storage`: the storage failed; nothing that it did not take was sent or confirmed
 * - `token`: the token function failed, did not answer in time, or gave no token; the client tries again with backoff
 * - `socket`: no WebSocket could be made (a bad address, a policy of the browser), or it threw; the client tries again
 * - `clock`: the option `clock` threw; the client goes on as well as it can
 * - `server`: the server refused a request for good (`serverCode` says why)
 * - `packet`: the server sent something that is not a packet of the protocol
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
  | 'owner'
  | 'send'
  | 'closed';

/** What `onError` listeners get, and what the promises of this library reject with. */
export class ClientError extends Error {
  /** The name of the class. */
  override readonly name: string = 'ClientError';
  /** What went wrong, for programs. */
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

/** Rejects what waits for a state that a message cannot reach (any more). */
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
 * Thrown by a handler that gives up on what it was given: it is not handed on again. A message counts as handled, and
 * is confirmed, so that its sender reads `delivered`: this device did have it, and there is no other honest word for it.
 * It is reported to onError as `skipped`, with this as its cause.
 */
export class Skip extends Error {
  /** The name of the class. */
  override readonly name = 'Skip';

  constructor(reason = 'given up by the application', options: ErrorOptions = {}) {
    super(reason, options);
  }
}
