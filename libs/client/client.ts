import { bodyToText, checkNames } from './client-packets.ts';
import type { Session, Status } from './connection/status.ts';
import { Emitter, type Unsubscribe } from './emitter.ts';
import type { ClientError } from './errors.ts';
import { idMaker } from './ids.ts';
import type { IncomingMessage, MessageHandler } from './incoming/message.ts';
import type { MissedHandler } from './incoming/missed.ts';
import type { ReceiptHandler } from './incoming/receipts.ts';
import { Lifecycle } from './lifecycle.ts';
import type { ConnectOptions } from './options.ts';
import type { OutgoingMessage } from './outgoing/outgoing-message.ts';
import type { CloseOptions, SendOptions } from './send-options.ts';
import { setOnly } from './set-only.ts';
import type { Signal, SignalOptions } from './signals.ts';

const DEFAULT_FLUSH_MS = 2_000;

/** A user on one device: sends messages, knows the state of each, and gets every message once. */
export class Client {
  readonly #newId = idMaker();
  readonly #errors = new Emitter<ClientError>((error) => console.error(error));
  readonly #outgoing = new Emitter<OutgoingMessage>((error) => this.#life.listenerThrew(error));
  readonly #signals = new Emitter<Signal>((error) => this.#life.listenerThrew(error));
  readonly #life: Lifecycle;

  /** Use {@link connect}. */
  constructor(options: ConnectOptions) {
    this.#life = new Lifecycle(options, {
      report: (error) => (this.#errors.size > 0 ? this.#errors.emit(error) : console.error(error)),
      changed: (message) => this.#outgoing.emit(message),
      signal: (signal) => this.#signals.emit(signal),
    });
  }

  /** The state of the connection. */
  get status(): Status {
    return this.#life.status;
  }

  /** Called at every change of `status`. */
  onStatus(listener: (status: Status) => void): Unsubscribe {
    return this.#life.statuses.on(listener);
  }

  /** Called for every error that no promise reports. Without a listener errors go to the console. */
  onError(listener: (error: ClientError) => void): Unsubscribe {
    return this.#errors.on(listener);
  }

  /** Resolves when there is a session. @throws ClientError `closed` when there will be none */
  connected(): Promise<Session> {
    return this.#life.connected();
  }

  /**
   * Connects now: without waiting longer, or after a final close by the server. After `closed` with reason `storage` it
   * opens the storage again; after `owner` it logs in again, for a token of another user.
   */
  reconnect(): void {
    this.#life.reconnect();
  }

  /**
   * Sends a message, now or as soon as there is a session. Once written to a durable storage, it outlives the program.
   * The client writes it at once when it knows that the storage belongs to this user: from the option `user`, from the
   * token, or from a login in this run. Before that it waits in memory, for 2 s at most; then the client takes the
   * storage's owner to be the user, so that a program without a network loses nothing. If the login proves otherwise,
   * the message becomes `failed` (`owner`), and is deleted from the storage.
   *
   * @param to a user, or a list of 1 to `session.limits.maxReceivers` different users: each has a state of its own in
   *   `receivers`, and what is sent again goes only to those that have no receipt. The server takes a list as a whole or
   *   not at all
   * @param body any JSON value; later changes of it are not sent
   * @throws TypeError for a `to`, `body` or option that the protocol does not allow
   * @throws ClientError `closed` after close(), and while the client is closed because the storage could not be opened
   *   (`storage`) or belongs to another user (`owner`)
   */
  send(
    to: string | readonly string[],
    body: unknown,
    { id = this.#newId(), seq, thread, ttl, read, deadlineMs }: SendOptions = {},
  ): OutgoingMessage {
    this.#life.checkOpen();
    checkNames({ to, id, seq, thread, ttl });
    return this.#life.router.outbox.add({
      ...{ id, seq, thread, ttl, deadlineMs, bodyText: bodyToText(body) },
      ...{ to: typeof to === 'string' ? to : [...to], read: read === true ? true : undefined },
    });
  }

  /** Messages without a final state, also those of earlier runs, oldest first. */
  outbox(): OutgoingMessage[] {
    return this.#life.router.outbox.list();
  }

  /** Called at every change of state of any message that has an object, also those of earlier runs. */
  onOutgoing(listener: (message: OutgoingMessage) => void): Unsubscribe {
    return this.#outgoing.on(listener);
  }

  /**
   * Sets the handler of incoming messages; there is one. It gets the messages of one sender one after the other. A
   * message is confirmed to the server when the handler has returned or its promise has resolved. If the handler throws,
   * it gets the message again, after pauses that grow; other messages do not wait. To give one up, throw {@link Skip}. A
   * handler that takes longer than `slowHandlerMs` is reported (`slow_handler`); only messages of the same sender wait.
   */
  onMessage(handler: MessageHandler): Unsubscribe {
    const router = this.#life.router;
    if (router.inbox.hasHandler) throw new Error('there is a message handler already');
    router.setHandler(handler);
    return () => router.setHandler(undefined);
  }

  /**
   * Tells the senders of these messages that the user has seen them, where they asked (`read` of send()): their state becomes
   * `read`. Kept in the storage until the server has taken it. Messages without `read` are left out.
   *
   * @throws TypeError for a message that did not come from `onMessage`
   */
  markRead(...messages: Pick<IncomingMessage, 'from' | 'id' | 'read'>[]): void {
    this.#life.checkOpen();
    for (const { from, id, read } of messages) {
      checkNames({ from, id });
      if (read !== undefined) this.#life.router.reads.add({ from, id, read });
    }
  }

  /**
   * Sends something that is true for a moment, such as typing, to the sessions that the receivers have now. Nothing of it is
   * stored, repeated or answered; it is dropped without a session, and where it would delay a message. {@link throttle}
   * helps not to send too many.
   *
   * @param to a user, or a list
   * @param body any JSON value, of at most 1,024 bytes
   * @returns whether it was sent
   * @throws TypeError for a `to`, `body` or `thread` that the protocol does not allow
   */
  signal(to: string | readonly string[], body: unknown, { thread }: SignalOptions = {}): boolean {
    return this.#life.router.signals.send(to, body, thread);
  }

  /** Called for every signal that comes. */
  onSignal(listener: (signal: Signal) => void): Unsubscribe {
    return this.#signals.on(listener);
  }

  /**
   * Sets the handler of messages that this device missed, on a synced device: its mailbox was full, or their time was over,
   * and another device of the user had them or may have. It may get the same count twice: after it failed, and when the
   * program ended before the server had the confirmation.
   */
  onMissed(handler: MissedHandler): Unsubscribe {
    return setOnly(this.#life.router.mailbox.missed, handler);
  }

  /**
   * Sets the handler of receipts for messages that have no object here: sent by an earlier run, long ago, or by another
   * device of the user (option `sync`). It gets `delivered`, `read` and `rejected`, and on a synced device `stored`; never a
   * step back from what it got in this run. It may get the same receipt again in the next run.
   */
  onReceipt(handler: ReceiptHandler): Unsubscribe {
    return setOnly(this.#life.router.receipts, handler);
  }

  /**
   * Signs this device out, and ends the client: waits for messages and confirmations under way (at most `flushMs`), tells the
   * server to forget this device and its mailbox if it is a synced one, and clears the storage: messages that were not
   * accepted or not handled are gone. It needs a session, and waits until there is one. Where the server has ended this
   * client already (status `closed`), it only clears the storage.
   *
   * @throws ClientError `closed` when the client was closed, or its storage could not be opened or belongs to another user
   */
  signOut({ flushMs = DEFAULT_FLUSH_MS }: CloseOptions = {}): Promise<void> {
    return this.#life.signOut(flushMs);
  }

  /**
   * Ends the client: waits for messages and confirmations under way (at most `flushMs`), then closes the connection and
   * the storage. Messages that were not accepted stay in a durable storage, and the next run sends them. Always resolves,
   * within `flushMs` and 5 s, also when the storage or the gateway does not answer; errors go to onError.
   */
  close({ flushMs = DEFAULT_FLUSH_MS }: CloseOptions = {}): Promise<void> {
    return this.#life.close(flushMs);
  }
}

/** Makes a client. It connects at once, and reconnects after every close that is not final. */
export function connect(options: ConnectOptions): Client {
  return new Client(options);
}
