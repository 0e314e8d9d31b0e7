import { Connection } from './connection/connection.ts';
import type { Session, Status } from './connection/status.ts';
import type { Context } from './context.ts';
import { Emitter } from './emitter.ts';
import { ClientError, type ClientErrorCode, closedError } from './errors.ts';
import { type ConnectOptions, resolveOptions } from './options.ts';
import { PacketRouter, type RouterPorts } from './packet-router.ts';
import { CheckedStorage } from './storage/checked-storage.ts';
import { WriteBatcher } from './storage/write-batcher.ts';
import { within } from './timing/within.ts';

/** How long the gateway may take to answer the close of the WebSocket, milliseconds. */
const CLOSE_GRACE_MS = 1_000;

/** How long close() waits for the storage, milliseconds; a second time only if it answered the first time. */
const STORAGE_GRACE_MS = 2_000;

export interface LifecyclePorts extends Pick<RouterPorts, 'changed' | 'signal'> {
  readonly report: (error: ClientError) => void;
}

/** Makes the parts of a client, opens its storage, connects, and ends all of it in order. */
export class Lifecycle {
  readonly router: PacketRouter;
  readonly statuses = new Emitter<Status>((cause) => this.listenerThrew(cause));
  readonly #context: Context;
  readonly #connection: Connection;
  #started: Promise<void>;
  /** The storage is closed, or given up. */
  #over = false;
  #closing: Promise<void> | undefined;
  #leaving: Promise<void> | undefined;

  constructor(options: ConnectOptions, { report, changed, signal }: LifecyclePorts) {
    const resolved = resolveOptions(options);
    const storage = new CheckedStorage(resolved.storage, resolved.clock, report);
    this.#context = {
      ...{ ...resolved, storage, report, writes: new WriteBatcher(storage, report) },
      send: (text) => this.#connection.send(text),
      fail: (code, message, cause) => report(new ClientError(code, message, { cause })),
    };
    this.router = new PacketRouter(this.#context, {
      ...{ changed, signal, listenerThrew: (cause) => this.listenerThrew(cause) },
      signedOut: () => this.#connection.halt('signed_out'),
    });
    const { token } = resolved;
    if (typeof token === 'string') this.router.owner.tokenReceived(token);
    this.#connection = new Connection(this.#context, {
      status: (status) => this.#statusChanged(status),
      tokenReceived: (text) => this.router.owner.tokenReceived(text),
      admits: ({ user }) => this.router.owner.confirm(user) || this.#refuseOwner(user),
      router: this.router,
    });
    this.#started = this.#start();
  }

  get status(): Status {
    return this.#connection.status;
  }

  connected(): Promise<Session> {
    return new Promise((resolve, reject) => {
      const look = (status: Status): boolean => {
        if (status.state === 'online') resolve(status.session);
        if (status.state === 'closed') reject(closedError(status.reason));
        return status.state === 'online' || status.state === 'closed';
      };
      if (look(this.status)) return;
      const unsubscribe = this.statuses.on((status) => {
        if (look(status)) unsubscribe();
      });
    });
  }

  reconnect(): void {
    if (this.#closing) return;
    if (this.router.owner.loaded) this.#connection.start();
    else if (this.status.state === 'closed') {
      this.#connection.resume();
      this.#started = this.#start();
    }
  }

  /** @throws ClientError `closed` after close() */
  checkOpen(): void {
    if (this.#closing) throw closedError('by_caller');
  }

  signOut(flushMs: number): Promise<void> {
    return (this.#leaving ??= this.#signOut(flushMs).finally(() => {
      this.#leaving = undefined;
    }));
  }

  close(flushMs: number): Promise<void> {
    return (this.#closing ??= this.#close(flushMs));
  }

  listenerThrew(cause: unknown): void {
    this.#context.fail('listener', 'an event listener threw', cause);
  }

  async #start(): Promise<void> {
    const { storage, user } = this.#context;
    const lost = (cause: unknown) => {
      if (!this.#over) this.#halt('storage', 'the storage cannot be used', cause);
    };
    try {
      const stored = await storage.load(lost);
      if (this.#over) await storage.close();
      else if (!this.router.load(stored)) this.#refuseOwner(user);
      else if (!this.#closing) this.#connection.start();
    } catch (cause) {
      lost(cause);
    }
  }

  #statusChanged(status: Status): void {
    const { waiters } = this.router.outbox;
    if (status.state === 'closed') waiters.end(status.reason);
    else waiters.resume();
    this.statuses.emit(status);
  }

  #refuseOwner(user = ''): false {
    this.#halt('owner', `the storage belongs to another user than ${user}`);
    return false;
  }

  /** The client cannot go on, until reconnect(). */
  #halt(reason: ClientErrorCode, message: string, cause?: unknown): void {
    this.#context.fail(reason, message, cause);
    this.router.halt(reason);
    this.#connection.halt(reason);
  }

  async #signOut(flushMs: number): Promise<void> {
    await this.#started;
    const session = await this.connected().catch(() => undefined);
    this.#checkStorage();
    if (session) await within(this.#context.clock, flushMs, this.router.flush());
    if (session?.sync) await this.#signedOut();
    this.#checkStorage();
    this.#closing = this.#close(0, 'signed_out');
    await this.#closing;
  }

  /** @throws ClientError `closed` when the storage is not this client's (any more) */
  #checkStorage(): void {
    const { status } = this;
    this.checkOpen();
    if (status.state === 'closed' && ['storage', 'owner'].includes(status.reason))
      throw closedError(status.reason);
  }

  /** Resolves when the server has let go of this device, or of this client. */
  #signedOut(): Promise<void> {
    return new Promise((resolve) => {
      this.router.outbox.waiters.add(() => resolve());
      this.router.signOut.start();
    });
  }

  async #close(flushMs: number, reason = 'by_caller'): Promise<void> {
    const { clock, fail, storage } = this.#context;
    let answers = await within(clock, STORAGE_GRACE_MS, this.#started);
    if (this.status.state !== 'closed') await within(clock, flushMs, this.router.flush());
    await this.#connection.close(reason, CLOSE_GRACE_MS);
    const stopped = this.router.stop(reason === 'signed_out');
    answers &&= await within(clock, STORAGE_GRACE_MS, stopped);
    this.#over = true;
    const closed = storage.close().catch((cause: unknown) => {
      fail('storage', 'the storage could not be closed', cause);
    });
    answers &&= await within(clock, STORAGE_GRACE_MS, closed);
    if (!answers) fail('storage', 'the storage does not answer, and was given up');
  }
}
