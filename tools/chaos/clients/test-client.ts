import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Client, connect, MemoryStorage, type Storage, type Tuning } from '#libs/client/index.ts';
import { LevelStorage } from '#libs/client/storage/level.ts';
import type { SeededRandom } from '../../testkit/seeded-random.ts';
import type { ClientEvent, Packet } from '../history.ts';
import { fetchTokenFrom } from '../token-endpoint.ts';
import { type Recorder, recordedSocket } from './recorded-socket.ts';

/** What all actors of a client process share. */
export interface Ground {
  /** How often this process was started before: names of messages and connections must not come again. */
  run: number;
  urls: readonly string[];
  /** Address of the token endpoint. */
  tokens: string;
  /** Folder for the clients' storage. */
  storageDir: string;
  /** Share of the messages on which the application fails: the server keeps them. */
  failing: number;
  record(event: ClientEvent): void;
}

/** Shorter than in real life, so that a fault of seconds shows what one of minutes does. */
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

/** Numbers of messages and connections of one run of the process; the next run goes on behind them. */
const PER_RUN = 1_000_000;

/** Now and then the application takes its time over a message. */
const BUSY = { chance: 0.1, ms: 500 };

/** After its storage failed, an application opens it again now and then, milliseconds. */
const REOPEN_MS = 1_000;

type Happening = ClientEvent extends infer E ? (E extends ClientEvent ? Omit<E, 't' | 'who'> : never) : never;

/** A user on a device with the reference client, who writes everything down. */
export class TestClient {
  readonly user: string;
  readonly #device: string;
  readonly #ground: Ground;
  readonly #random: SeededRandom;
  #connections = 0;
  #sent = 0;
  #client: Client | undefined;
  #terminate: () => void = () => undefined;

  constructor(user: string, device: string, ground: Ground, random: SeededRandom) {
    this.user = user;
    this.#device = device;
    this.#ground = ground;
    this.#random = random;
  }

  get online(): boolean {
    return this.#client?.status.state === 'online';
  }

  /** Messages for which the server has not said a word that lets go of them. */
  get waiting(): number {
    const outbox = this.#client?.outbox() ?? [];
    return outbox.filter(({ state }) => state === 'sending' || state === 'sent').length;
  }

  /** Connects, with what the last run or the last stay left in storage. */
  open(kept: 'durable' | 'in memory'): Client {
    const { urls, tokens, storageDir } = this.#ground;
    const { RecordedSocket, terminateAll } = recordedSocket(this.#recorder());
    const storage: Storage =
      kept === 'durable'
        ? new LevelStorage(join(storageDir, `${this.user}-${this.#device}`))
        : new MemoryStorage();
    const client = connect({
      urls,
      storage,
      device: this.#device,
      token: () => fetchTokenFrom(tokens, this.user),
      WebSocket: RecordedSocket,
      tuning: TUNING,
    });
    client.onError(() => undefined); // what the server refuses is in the packets
    client.onMessage(async ({ from, id, body, again }) => {
      if (this.#random.chance(this.#ground.failing))
        throw new Error('the application fails: the server keeps the message');
      const { to, id: said } = body as { to?: unknown; id?: unknown };
      const intact = to === this.user && said === id;
      this.#note({ is: 'handed', from, id, to: this.user, intact, again: again ?? false });
      if (this.#random.chance(BUSY.chance)) await delay(this.#random.integer(0, BUSY.ms));
    });
    let restored = false;
    client.onStatus((status) => {
      if (status.state === 'online' && !restored) {
        restored = true;
        this.#note({ is: 'restored', ids: client.outbox().map(({ id }) => id) });
      }
      if (status.state === 'closed' && status.reason === 'storage')
        setTimeout(() => client.reconnect(), REOPEN_MS).unref();
    });
    client.onOutgoing(({ id, to, state, reason }) => {
      if (state === 'stored' || state === 'delivered' || state === 'rejected')
        this.#note({ is: 'told', id, to, state, ...(reason !== undefined && { reason }) });
    });
    client.onReceipt(({ id, to, state }) => this.#note({ is: 'told', id, to, state }));
    this.#client = client;
    this.#terminate = terminateAll;
    return client;
  }

  /** Sends one message. @returns its name, and when the server has accepted it */
  send(to: string): { id: string; accepted: Promise<unknown> } {
    if (!this.#client) throw new Error(`${this.user} is not there`);
    const n = this.#ground.run * PER_RUN + ++this.#sent;
    const id = `m${n}`;
    this.#note({ is: 'sent', id, to });
    return { id, accepted: this.#accepted(this.#client, to, id, n) };
  }

  /** A disk that is full, or a client that is closed, makes send() throw: the message was never the client's. */
  async #accepted(client: Client, to: string, id: string, seq: number): Promise<unknown> {
    return client.send(to, { to, id }, { id, seq }).accepted();
  }

  /** Goes away in good order, or with nothing but a broken connection. */
  async close(how: 'orderly' | 'abrupt'): Promise<void> {
    if (how === 'abrupt') this.#terminate();
    await this.#client?.close({ flushMs: how === 'abrupt' ? 0 : 500 });
    this.#client = undefined;
  }

  /** Says that nobody will ever come back under this name. */
  leave(): void {
    this.#note({ is: 'left' });
  }

  #recorder(): Recorder {
    return {
      nextConnection: () => this.#ground.run * PER_RUN + ++this.#connections,
      packet: (is, connection, packet) => this.#note({ is, connection, packet: withoutSecrets(packet) }),
      closed: (connection, code) => this.#note({ is: 'closed', connection, code }),
    };
  }

  #note(happening: Happening): void {
    this.#ground.record({ t: rightTime(), who: `${this.user}/${this.#device}`, ...happening });
  }
}

/** The history is by the right clock, whatever the nemesis does to this process's. */
const rightTime = () => Math.round(performance.timeOrigin + performance.now());

function withoutSecrets(packet: Packet): Packet {
  return 'token' in packet ? { ...packet, token: '…' } : packet;
}
