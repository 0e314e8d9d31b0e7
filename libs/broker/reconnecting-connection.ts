import { readFileSync } from 'node:fs';
import type { SocketConstructorOpts } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { connect, type ChannelModel } from 'amqplib';
import { Backoff, pause } from '#libs/runtime/backoff.ts';
import type { Logger } from '#libs/runtime/logger.ts';
import { coalesceWrites, pausableReads, socketOf } from './amqp-socket.ts';

export interface ReconnectingConnectionOptions {
  /** Connection name in RabbitMQ's management UI. */
  name: string;
  /** Addresses of the cluster's nodes, tried in turn. */
  urls: readonly string[];
  /** Path of a PEM file: CAs to trust instead of Node's own. */
  ca?: string | undefined;
  /** AMQP heartbeat, seconds: a silent peer is given up after two to three. */
  heartbeatS: number;
  log: Logger;
  /** Sets up what lives on the connection. A failure closes it, and a retry follows. */
  onUp: (connection: ChannelModel) => Promise<void>;
  /** The connection closed, or its setup failed. */
  onDown?: () => void;
  onChange?: () => void;
}

/** How long a TCP connect plus AMQP handshake may take, milliseconds. */
const CONNECT_TIMEOUT_MS = 5_000;
/** How long the setup may take, milliseconds: a queue may have no leader for a while. */
const SET_UP_TIMEOUT_MS = 15_000;
/** How long the broker may take to answer the close of a connection, milliseconds. */
const CLOSE_TIMEOUT_MS = 1_000;

/**
 * A connection to the broker that reconnects with backoff. Channels, consumers and unconfirmed messages do not
 * survive a connection: onUp creates them again. (amqplib's own recovery supports one address only.)
 */
export class ReconnectingConnection {
  readonly #options: ReconnectingConnectionOptions;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #connection: ChannelModel | undefined;
  #pause: ((paused: boolean) => void) | undefined;
  #up = false;
  #blocked = false;

  constructor(options: ReconnectingConnectionOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  /** Connected, and set up. */
  get up(): boolean {
    return this.#up;
  }

  /** The broker blocks publishers (RabbitMQ: connection.blocked, a memory or disk alarm). */
  get blocked(): boolean {
    return this.#blocked;
  }

  /** Closes the connection; a new one follows. */
  reset(): void {
    if (this.#connection) endConnection(this.#connection);
    this.#connection = undefined; // every lost consumer may call this: close once
  }

  /** Pauses or resumes reading. A new connection is not paused. */
  pause(paused: boolean): void {
    this.#pause?.(paused);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.reset();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { log, name, urls } = this.#options;
    const backoff = new Backoff({ baseMs: 100, maxMs: 3_000 });
    for (let attempt = 0; !this.#stop.signal.aborted; attempt++) {
      try {
        await this.#live(urls[attempt % urls.length] ?? '', () => backoff.reset());
        log.warn({ link: name }, 'broker connection closed');
      } catch (error) {
        log.warn({ err: error, link: name }, 'broker connection failed');
      }
      await pause(backoff.next(), this.#stop.signal).catch(() => undefined);
    }
  }

  /** One life of the connection: resolves when it is closed. */
  async #live(url: string, whenUp: () => void): Promise<void> {
    const { heartbeatS, onUp, onDown, onChange } = this.#options;
    const address = new URL(url);
    address.searchParams.set('heartbeat', String(heartbeatS));
    const connection = await this.#connect(address.href);
    coalesceWrites(socketOf(connection));
    this.#pause = pausableReads(socketOf(connection));
    const closed = this.#watch(connection);
    try {
      if (this.#stop.signal.aborted) return;
      this.#connection = connection;
      await inTime(
        Promise.race([onUp(connection), closed.then(() => Promise.reject(new Error('closed during setup')))]),
      );
      this.#up = true;
      whenUp();
      onChange?.();
      await closed;
    } finally {
      this.#connection = undefined;
      this.#up = this.#blocked = false;
      onDown?.();
      onChange?.();
      // Wait for the event, not for close(): amqplib never settles a close that the broker did not answer.
      endConnection(connection);
      await closed;
    }
  }

  /** A stop does not wait for a broker that does not answer. */
  async #connect(url: string): Promise<ChannelModel> {
    const connecting = new AbortController();
    const giveUp = () => connecting.abort();
    const { ca, name } = this.#options;
    // amqplib passes them to the socket. Read the file each time: a new CA needs no restart.
    const socket = { signal: connecting.signal } satisfies SocketConstructorOpts;
    const tls = { ...(ca !== undefined && { ca: readFileSync(ca) }) } satisfies ConnectionOptions;
    this.#stop.signal.addEventListener('abort', giveUp);
    try {
      return await connect(url, {
        noDelay: true,
        timeout: CONNECT_TIMEOUT_MS,
        ...socket,
        ...tls,
        clientProperties: { connection_name: name },
      });
    } finally {
      this.#stop.signal.removeEventListener('abort', giveUp);
    }
  }

  #watch(connection: ChannelModel): Promise<void> {
    const { log, name } = this.#options;
    connection.on('error', (error: Error) => log.warn({ err: error, link: name }, 'broker connection error'));
    connection.on('blocked', (reason: string) => {
      this.#blocked = true;
      log.warn({ link: name, reason }, 'broker blocks publishes');
    });
    connection.on('unblocked', () => {
      this.#blocked = false;
      log.info({ link: name }, 'broker accepts publishes again');
    });
    return new Promise((resolve) => connection.once('close', () => resolve()));
  }
}

/** @throws Error when the setup times out */
async function inTime(setUp: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('the setup timed out')), SET_UP_TIMEOUT_MS);
  });
  await Promise.race([setUp, late]).finally(() => clearTimeout(timer));
}

/**
 * Closes a connection, and destroys its socket if the broker does not answer. A broker that hangs, is unreachable, or
 * waits for a queue leader answers late or never, and amqplib would keep the socket half-open.
 */
function endConnection(connection: ChannelModel): void {
  const stream = socketOf(connection);
  void connection.close().catch(() => undefined); // rejects if it is closed already
  const late = setTimeout(
    () => stream.destroy(new Error('the broker did not answer the close')),
    CLOSE_TIMEOUT_MS,
  );
  stream.once('close', () => clearTimeout(late));
}
