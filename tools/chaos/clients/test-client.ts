import { setTimeout as delay } from 'node:timers/promises';
import { type Client, connect, MemoryStorage, type Tuning } from '#libs/client/index.ts';
import { connectTabs, type TabClient, type TabMessage } from '#libs/client/tabs/tabs.ts';
import type { SeededRandom } from '../../testkit/seeded-random.ts';
import type { ClientEvent } from '../history.ts';
import { type Draft, SHORT_TTL } from './drafts.ts';
import type { Orders } from './orders.ts';
import type { Platform, Socket } from './platform.ts';
import { read } from './reader.ts';
import { fetchTokenFrom } from './tokens.ts';
import { ToldStates } from './told-states.ts';

/** Shorter than the defaults, so that a fault of seconds shows the effects of one of minutes. */
const TUNING: Partial<Tuning> = {
  connectTimeoutMs: 3_000,
  loginTimeoutMs: 3_000,
  reconnect: { baseMs: 100, maxMs: 2_000 },
  stableMs: 3_000,
  pingIntervalMs: 2_000,
  pongTimeoutMs: 2_000,
  renewBeforeMs: 5_000,
  retransmit: { baseMs: 2_500, maxMs: 10_000 },
  pullTimeoutMs: 3_000,
  pullRetry: { baseMs: 500, maxMs: 5_000 },
};

/** Numbers of messages and connections in one run of the process; the next run continues above them. */
const PER_RUN = 1_000_000;
/** Share of the messages that take the application a while, and the longest time, milliseconds. */
const BUSY = { chance: 0.1, ms: 500 };
/** Time after which an application opens a storage again that failed, milliseconds. */
const REOPEN_MS = 1_000;

type Happening = ClientEvent extends infer E ? (E extends ClientEvent ? Omit<E, 't' | 'who'> : never) : never;

export interface TestClientOptions {
  user: string;
  device: string;
  sync: boolean;
  /** It shares its connection with the user's other tabs. */
  tabs: boolean;
  orders: Orders;
  platform: Platform;
  random: SeededRandom;
  record: (event: ClientEvent) => void;
  /** Fires when nothing new may begin. */
  settle: AbortSignal;
}

/** A user on a device with the reference client; records everything that happens. */
export class TestClient {
  readonly #options: TestClientOptions;
  readonly #sockets = new Set<Socket>();
  #connections = 0;
  #opened = 0;
  #sent = 0;
  #client: Client | TabClient | undefined;
  #told = new ToldStates();

  constructor(options: TestClientOptions) {
    this.#options = options;
  }

  get online(): boolean {
    return this.#client?.status.state === 'online';
  }

  /** Messages whose fate the server has not told yet. The client does not ask again for what is of no use by now. */
  get waiting(): number {
    const lasting = this.#client?.outbox().filter(({ ttl = Infinity }) => ttl > SHORT_TTL.max) ?? [];
    return lasting.filter(({ state }) => state === 'sending' || state === 'sent').length;
  }

  /** Connects, with what the last run or the last stay left in storage. */
  open(kept: 'durable' | 'in memory'): Client | TabClient {
    const { user, device, sync, tabs, orders, platform } = this.#options;
    const { urls, tokens } = orders;
    const options = {
      ...{ urls, device, sync, tuning: TUNING, WebSocket: this.#recordedSocket() },
      token: () => fetchTokenFrom(tokens, user),
    };
    const durable = () => platform.storage(`${user}-${device}`);
    const client = tabs
      ? connectTabs({ ...options, storage: durable() })
      : connect({ ...options, storage: kept === 'durable' ? durable() : new MemoryStorage() });
    this.#client = client;
    this.#opened++;
    this.#told = new ToldStates();
    this.#record(client);
    return client;
  }

  /** Sends one message. @returns when the server has accepted it, or the client has let go of it */
  async send({ to, ...options }: Draft): Promise<void> {
    const client = this.#client;
    if (!client) throw new Error(`${this.#options.user} is not there`);
    const seq = this.#options.orders.run * PER_RUN + ++this.#sent;
    const id = `m${seq}-${this.#options.device}`;
    const receivers = typeof to === 'string' ? [to] : to;
    const { ttl, read, thread = '' } = options;
    this.#note({
      ...{ is: 'sent', id, to: receivers },
      ...(ttl !== undefined && { ttl }),
      ...(read && { read }),
    });
    this.#told.sent(id);
    await this.#options.platform.written();
    try {
      // A full disk, or a closed client, makes send() throw: the client never took the message.
      await client.send(to, { to: receivers, id, thread }, { id, seq, ...options }).accepted();
    } catch {
      return; // closed before that
    }
  }

  /** Goes away in good order, or with nothing but a broken connection. */
  async close(how: 'orderly' | 'abrupt'): Promise<void> {
    if (how === 'abrupt') for (const socket of this.#sockets) socket.terminate?.();
    await this.#client?.close({ flushMs: how === 'abrupt' ? 0 : 500 });
    this.#client = undefined;
  }

  /** Records that no client will ever come back under this name. */
  leave(): void {
    this.#note({ is: 'left' });
  }

  #record(client: Client | TabClient): void {
    let restored = false;
    const opened = this.#options.orders.run * PER_RUN + this.#opened;
    client.onError(() => undefined); // refusals of the server are in the packets
    client.onMessage((message) => this.#handed(message));
    client.onMissed(({ count }) => this.#note({ is: 'missed', count }));
    client.onStatus((status) => {
      if (status.state === 'online' && !restored) restored = this.#restore(client);
      if (status.state === 'closed' && status.reason === 'storage')
        setTimeout(() => client.reconnect(), REOPEN_MS);
    });
    client.onOutgoing((message) => {
      for (const told of this.#told.newsOf(message)) this.#note({ is: 'told', ...told, opened });
    });
    client.onReceipt(({ id, to, state }) => this.#note({ is: 'told', id, to, state, late: true, opened }));
  }

  /** @returns whether this client has the outbox: of several tabs, one has it, and others may not know all of it yet */
  #restore(client: Client | TabClient): boolean {
    if ('leads' in client && !client.leads) return false;
    // A tab hears of the session first, and then of the outbox.
    queueMicrotask(() => this.#note({ is: 'restored', ids: client.outbox().map(({ id }) => id) }));
    return true;
  }

  async #handed(message: TabMessage) {
    const { user, random, orders, settle, platform } = this.#options;
    const { from, id, body, thread = '', again, own, to = user, mirrored } = message;
    if (mirrored) return; // the handler of the leader has it
    if (random.chance(orders.failing)) throw new Error('the application fails: the server keeps the message');
    const said = body as { to?: string[]; id?: unknown; thread?: unknown };
    // What another device sent says whom to; sent again, it names only those who are missing.
    const named = [to].flat().every((receiver) => said.to?.includes(receiver) === true);
    const intact = named && said.id === id && said.thread === thread;
    const handed = { is: 'handed', from, id, to: user, intact, again: again ?? false } as const;
    this.#note({ ...handed, ...(own && { own }) });
    await platform.written();
    void read(message, random, (item) => this.#markRead(item), settle);
    if (random.chance(BUSY.chance)) await delay(random.integer(0, BUSY.ms));
  }

  #markRead(item: { from: string; id: string; read: string }): void {
    try {
      this.#client?.markRead(item);
    } catch {
      return; // closed
    }
  }

  #recordedSocket() {
    const connections = new WeakMap<Socket, number>();
    const numberOf = (socket: Socket) => connections.get(socket) ?? 0;
    return this.#options.platform.socket({
      opened: (socket) => {
        connections.set(socket, this.#options.orders.run * PER_RUN + ++this.#connections);
        this.#sockets.add(socket);
      },
      closed: (socket, code) => {
        this.#sockets.delete(socket);
        this.#note({ is: 'closed', connection: numberOf(socket), code });
      },
      packet: (is, packet, socket) => {
        const shown = 'token' in packet ? { ...packet, token: '…' } : packet;
        this.#note({ is, connection: numberOf(socket), packet: shown });
      },
    });
  }

  #note(happening: Happening): void {
    const { user, device, tabs, orders, record } = this.#options;
    const ofTab = tabs && (happening.is === 'sent' || happening.is === 'told');
    // By the right clock, whatever the nemesis does to the wall clock of this process.
    const t = Math.round(performance.timeOrigin + performance.now());
    record({ t, who: `${user}/${device}${ofTab ? `.${orders.run}` : ''}`, ...happening });
  }
}
