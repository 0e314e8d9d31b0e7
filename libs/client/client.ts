import { bodyToText, checkNames } from './client-packets.ts';
import { Connection, type Session, type Status } from './connection/connection.ts';
import { Emitter, type Unsubscribe } from './emitter.ts';
import { ClientError, type ClientErrorCode, closedError } from './errors.ts';
import { idMaker } from './ids.ts';
import type { Context } from './context.ts';
import type { MessageHandler } from './incoming/message.ts';
import { PacketRouter } from './packet-router.ts';
import { type ConnectOptions, resolveOptions } from './options.ts';
import type { OutgoingMessage } from './outgoing/outgoing-message.ts';
import type { ReceiptHandler } from './incoming/receipts.ts';
import { CheckedStorage } from './storage/checked-storage.ts';
import { WriteBatcher } from './storage/write-batcher.ts';
import { within } from './timing/within.ts';

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

const DEFAULT_FLUSH_MS = 2_000;

/** How long the gateway may take to answer the close of the WebSocket, milliseconds. */
const CLOSE_GRACE_MS = 1_000;

/** How long close() waits for the storage, milliseconds; a second time only if it answered the first time. */
const STORAGE_GRACE_MS = 2_000;

/** A user on one device: sends messages, knows the state of each, and gets every message once. */
export class Client {
  readonly #context: Context;
  readonly #newId = idMaker();
  readonly #errors = new Emitter<ClientError>((error) => console.error(error));
  readonly #statuses = new Emitter<Status>((error) => this.#listenerThrew(error));
  readonly #outgoing = new Emitter<OutgoingMessage>((error) => this.#listenerThrew(error));
  readonly #router: PacketRouter;
  readonly #connection: Connection;
  #started: Promise<void>;
  /** The storage is closed, or given up. */
  #over = false;
  #closing: Promise<void> | undefined;

  /** Use {@link connect}. */
  constructor(options: ConnectOptions) {
    const resolved = resolveOptions(options);
    const report = (error: ClientError) => this.#report(error);
    const storage = new CheckedStorage(resolved.storage, resolved.clock, report);
    this.#context = {
      ...{ ...resolved, storage, report, writes: new WriteBatcher(storage) },
      send: (text) => this.#connection.send(text),
      fail: (code, message, cause) => this.#fail(code, message, cause),
    };
    this.#router = new PacketRouter(this.#context, {
      changed: (message) => this.#outgoing.emit(message),
      listenerThrew: (error) => this.#listenerThrew(error),
    });
    const { token } = resolved;
    if (typeof token === 'string') this.#router.tokenReceived(token);
    this.#connection = new Connection(this.#context, {
      status: (status) => this.#statusChanged(status),
      admits: (session) => this.#admits(session),
      router: this.#router,
    });
    this.#started = this.#start();
  }

  /** The state of the connection. */
  get status(): Status {
    return this.#connection.status;
  }

  /** Called at every change of `status`. */
  onStatus(listener: (status: Status) => void): Unsubscribe {
    return this.#statuses.on(listener);
  }

  /** Called for every error that no promise reports. Without a listener errors go to the console. */
  onError(listener: (error: ClientError) => void): Unsubscribe {
    return this.#errors.on(listener);
  }

  /** Resolves when there is a session. @throws ClientError `closed` when there will be none */
  connected(): Promise<Session> {
    return new Promise((resolve, reject) => {
      const look = (status: Status): boolean => {
        if (status.state === 'online') resolve(status.session);
        if (status.state === 'closed') reject(closedError(status.reason));
        return status.state === 'online' || status.state === 'closed';
      };
      if (look(this.status)) return;
      const unsubscribe = this.onStatus((status) => {
        if (look(status)) unsubscribe();
      });
    });
  }

  /**
   * Connects now: without waiting longer, or after a final close by the server. After `closed` with reason `storage` it
   * opens the storage again; after `owner` it logs in again, for a token of another user.
   */
  reconnect(): void {
    if (this.#closing) return;
    if (this.#router.loaded) this.#connection.start();
    else if (this.status.state === 'closed') {
      this.#connection.resume();
      this.#started = this.#start();
    }
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
    if (this.#closing) throw closedError('by_caller');
    checkNames({ to, id, seq, thread, ttl });
    return this.#router.outbox.add({
      ...{ id, seq, thread, ttl, deadlineMs, bodyText: bodyToText(body) },
      ...{ to: typeof to === 'string' ? to : [...to], read: read === true ? true : undefined },
    });
  }

  /** Messages without a final state, also those of earlier runs, oldest first. */
  outbox(): OutgoingMessage[] {
    return this.#router.outbox.list();
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
    const router = this.#router;
    if (router.inbox.hasHandler) throw new Error('there is a message handler already');
    router.setHandler(handler);
    return () => router.setHandler(undefined);
  }

  /**
   * Sets the handler of receipts for messages that have no object any more: sent by an earlier run, or long ago. It gets
   * `delivered` and `rejected`, and may get the same receipt twice.
   */
  onReceipt(handler: ReceiptHandler): Unsubscribe {
    const { receipts } = this.#router;
    if (receipts.handler) throw new Error('there is a receipt handler already');
    receipts.handler = handler;
    return () => {
      receipts.handler = undefined;
    };
  }

  /**
   * Ends the client: waits for messages and confirmations under way (at most `flushMs`), then closes the connection and
   * the storage. Messages that were not accepted stay in a durable storage, and the next run sends them. Always resolves,
   * within `flushMs` and 5 s, also when the storage or the gateway does not answer; errors go to onError.
   */
  close({ flushMs = DEFAULT_FLUSH_MS }: CloseOptions = {}): Promise<void> {
    return (this.#closing ??= this.#close(flushMs));
  }

  async #start(): Promise<void> {
    const { storage } = this.#context;
    try {
      const stored = await storage.load();
      if (this.#over) await storage.close();
      else if (!this.#router.load(stored)) this.#refuseOwner();
      else if (!this.#closing) this.#connection.start();
    } catch (cause) {
      if (this.#over) return;
      this.#fail('storage', 'the storage could not be loaded', cause);
      this.#halt('storage');
    }
  }

  #statusChanged(status: Status): void {
    const { waiters } = this.#router.outbox;
    if (status.state === 'closed') waiters.end(status.reason);
    else waiters.resume();
    this.#statuses.emit(status);
  }

  #admits(session: Session): boolean {
    const admitted = this.#router.admits(session);
    if (!admitted) this.#refuseOwner(session.user);
    return admitted;
  }

  #refuseOwner(user = this.#context.user ?? ''): void {
    this.#fail('owner', `the storage belongs to another user than ${user}`);
    this.#halt('owner');
  }

  #halt(reason: string): void {
    this.#router.halt(reason);
    this.#connection.halt(reason);
  }

  async #close(flushMs: number): Promise<void> {
    const { clock, storage } = this.#context;
    let answers = await within(clock, STORAGE_GRACE_MS, this.#started);
    if (this.status.state !== 'closed') await within(clock, flushMs, this.#router.flush());
    await this.#connection.close('by_caller', CLOSE_GRACE_MS);
    const stopped = this.#router.stop();
    answers &&= await within(clock, STORAGE_GRACE_MS, stopped);
    this.#over = true;
    const closed = storage.close().catch((cause: unknown) => {
      this.#fail('storage', 'the storage could not be closed', cause);
    });
    answers &&= await within(clock, STORAGE_GRACE_MS, closed);
    if (!answers) this.#fail('storage', 'the storage did not answer, and was given up');
  }

  #listenerThrew(cause: unknown): void {
    this.#fail('listener', 'an event listener threw', cause);
  }

  #fail(code: ClientErrorCode, message: string, cause?: unknown): void {
    this.#report(new ClientError(code, message, { cause }));
  }

  #report(error: ClientError): void {
    if (this.#errors.size > 0) this.#errors.emit(error);
    else console.error(error);
  }
}

/** Makes a client. It connects at once, and reconnects after every close that is not final. */
export function connect(options: ConnectOptions): Client {
  return new Client(options);
}
