import type { BackoffOptions } from './timing/backoff.ts';
import { checkNames, demand } from './client-packets.ts';
import { type Clock, systemClock } from './timing/clock.ts';
import { SteadyClock } from './timing/steady-clock.ts';
import type { SocketConstructor } from './connection/socket.ts';
import { platformWebSocket } from './connection/terminable-socket.ts';
import type { Storage } from './storage.ts';
import { MemoryStorage } from './storage/memory.ts';

/** Every time and number of the client, with its default. Times are milliseconds. */
export const DEFAULT_TUNING = {
  /** Until the token function answers; after that it is asked again. */
  tokenTimeoutMs: 10_000,
  /** Until the socket is open. */
  connectTimeoutMs: 10_000,
  /** Until a login:R is answered. */
  loginTimeoutMs: 10_000,
  /** Between two connections, after an unexpected close. */
  reconnect: { baseMs: 500, maxMs: 30_000 } as BackoffOptions,
  /** A connection that was online this long resets the backoff. */
  stableMs: 10_000,
  /** Silence of the server before the client sends a ping. */
  pingIntervalMs: 25_000,
  /** Silence after the ping before the client gives the connection up. */
  pongTimeoutMs: 10_000,
  /** The same after reconnect(), and after the computer slept. */
  lookTimeoutMs: 3_000,
  /** Until ack:N, before a message is sent again. */
  retransmit: { baseMs: 5_000, maxMs: 60_000 } as BackoffOptions,
  /** After `unavailable`, `rate_limited` or `window_full`. */
  refused: { baseMs: 200, maxMs: 10_000 } as BackoffOptions,
  /** Entries asked for in one offline:R, 1 to 500. */
  pullLimit: 100,
  /** Until an offline:R is answered. */
  pullTimeoutMs: 10_000,
  /** Before the mailbox is asked again after a refusal, or when a handler failed. */
  pullRetry: { baseMs: 2_000, maxMs: 60_000 } as BackoffOptions,
  /** Before the handler gets a message again that it failed on; quadruples up to the longest. */
  retryFailed: { baseMs: 2_000, maxMs: 900_000 } as BackoffOptions,
  /** A handler that takes longer for one message is reported; later messages of its sender are left to the server. */
  slowHandlerMs: 5_000,
  /** How long before its expiry a token is renewed, where `token` is a function. */
  renewBeforeMs: 60_000,
  /** Most messages without their ack:N; send() beyond it fails with `outbox_full`. */
  maxOutbox: 100_000,
  /** Most incoming messages that the application has not handled; more are left to the server. */
  maxHeld: 1_000,
  /** Most messages put aside: confirmed, and kept in the storage, because they blocked the mailbox. */
  maxPutAside: 1_000,
  /** How many seen names are kept at least, and for how long at least (PROTOCOL: what a client must do, 4). */
  seen: { keepCount: 10_000, keepMs: 7 * 24 * 60 * 60 * 1000 },
};

/** See {@link DEFAULT_TUNING}. */
export type Tuning = typeof DEFAULT_TUNING;

/** A token, or a function that gets one. The function is called for every connection, and before a token expires. */
export type TokenSource = string | (() => string | Promise<string>);

/** Options of `connect`. `url` or `urls`, and `token`, are required. */
export interface ConnectOptions {
  /** The gateway, `ws://HOST:PORT/ws`. */
  url?: string;
  /** Several gateways, tried in turn. */
  urls?: readonly string[];
  /** A JWT whose `sub` is the user, or a function that gets one. Only with a function can the client renew the token. */
  token: TokenSource;
  /**
   * The user of this client, if the application knows it. The client then refuses a storage of another user at once,
   * without a connection, and writes messages to the storage at once. Default: the `sub` of the token.
   */
  user?: string;
  /** Name of this device among the user's; default `default`. */
  device?: string;
  /**
   * Makes this device a synced one: it gets every message of the user, those sent by the user's other devices, and all
   * receipts; what it does not get while it is away waits in a mailbox of its own. It stays one until `signOut`. Give each
   * device a name of its own in `device`, and a durable `storage`. Default: false.
   */
  sync?: boolean;
  /** Default: in memory. It belongs to one user (see `user`). The client closes it. */
  storage?: Storage;
  /** Default: the platform's. */
  WebSocket?: SocketConstructor;
  /** Times and numbers that differ from {@link DEFAULT_TUNING}. */
  tuning?: Partial<Tuning>;
  /** Default: {@link systemClock}. */
  clock?: Clock;
  /** From 0 to 1, for jitter. */
  random?: () => number;
}

export interface ResolvedOptions {
  readonly urls: readonly [string, ...string[]];
  readonly token: TokenSource;
  readonly user: string | undefined;
  readonly device: string | undefined;
  readonly sync: boolean;
  readonly storage: Storage;
  readonly WebSocket: SocketConstructor;
  readonly tuning: Tuning;
  readonly clock: SteadyClock;
  readonly random: () => number;
}

/** @throws TypeError naming the option that is missing or wrong */
export function resolveOptions(options: ConnectOptions): ResolvedOptions {
  const { url, urls = url === undefined ? [] : [url], token, user, device } = options;
  const [first, ...others] = urls;
  demand(first !== undefined, 'url: is missing');
  demand(['string', 'function'].includes(typeof token), 'token: must be a string or a function');
  checkNames({ device });
  return {
    urls: [first, ...others],
    ...{ token, user, device, sync: options.sync === true },
    storage: options.storage ?? new MemoryStorage(),
    WebSocket: options.WebSocket ?? platformWebSocket(),
    tuning: { ...DEFAULT_TUNING, ...options.tuning },
    clock: new SteadyClock(options.clock ?? systemClock),
    random: options.random ?? Math.random,
  };
}
