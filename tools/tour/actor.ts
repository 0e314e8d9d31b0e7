import { setTimeout as delay } from 'node:timers/promises';
import { type Client, connect, type IncomingMessage, MemoryStorage } from '#libs/client/index.ts';
import { signToken } from '../stack/token.ts';
import { until } from '../stack/until.ts';
import { showPacket, type Side } from './screen.ts';
import { type Stage, TourError } from './stage.ts';
import { type Packet, tappedSocket } from '../testkit/tapped-socket.ts';

type Direction = 'in' | 'out';

/** How long anything may take before the tour says that it does not happen. */
const PATIENCE_MS = 15_000;

/** Short, so that nobody has to wait for the retransmission; a client's own default is 5 s. */
const RETRANSMIT = { baseMs: 1_500, maxMs: 10_000 };

/** Waits for what must happen. @throws TourError naming it when it does not, or fails */
export async function must<T>(what: string, promise: Promise<T>): Promise<T> {
  const patience = new AbortController();
  const late = delay(PATIENCE_MS, undefined, { signal: patience.signal }).then(() => {
    throw new TourError(`This did not happen within ${PATIENCE_MS / 1000} s: ${what}.`);
  });
  try {
    return await Promise.race([promise, late]);
  } catch (error) {
    if (error instanceof TourError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new TourError(`This did not happen: ${what}; instead: ${why}.`, { cause: error });
  } finally {
    patience.abort();
    late.catch(() => undefined); // aborted: nobody waits for it any more
  }
}

/** Failed tries to connect after which nobody is there. */
const MAX_TRIES = 3;

/** Never resolves; rejects when a client cannot log in, or cannot reach its gateway. */
function hopeless(client: Client): Promise<never> {
  const verdict = new Promise<never>((_resolve, reject) => {
    let tries = 0;
    client.onError((error) => reject(error));
    client.onStatus((status) => {
      if (status.state === 'waiting' && ++tries === MAX_TRIES)
        reject(new Error(`no connection, ${status.reason}`));
    });
  });
  verdict.catch(() => undefined); // after the login nobody waits for it
  return verdict;
}

/** Somebody in the story: a real client of a real gateway, whose packets are shown as they pass. */
export class Actor {
  readonly name: string;
  readonly user: string;
  readonly side: Side;
  readonly gateway: string;
  /** A synced device, where it is one. */
  readonly device: string | undefined;
  /** Its packets are not shown. */
  hidden: boolean;
  /** What the application was handed, over all its sessions. */
  readonly handed: IncomingMessage[] = [];
  /** Loses the next packet that comes in with this type. */
  lose: string | undefined;
  readonly #secret: string;
  readonly #since: () => number;
  /** Kept while the actor is away, as a phone keeps it. */
  readonly #storage = new MemoryStorage();
  readonly #seen: { direction: Direction; type: string }[] = [];
  #client: Client | undefined;

  /** @param since milliseconds since the scene began */
  constructor(
    who: { name: string; user: string; side: Side; gateway: string; device?: string; hidden?: boolean },
    stage: Stage,
    since: () => number,
  ) {
    this.name = who.name;
    this.user = who.user;
    this.side = who.side;
    this.gateway = who.gateway;
    this.device = who.device;
    this.hidden = who.hidden ?? false;
    this.#secret = stage.secret;
    this.#since = since;
  }

  get client(): Client {
    if (!this.#client) throw new TourError(`${this.name} is not connected.`);
    return this.#client;
  }

  /** Connects, and waits until the mailbox has been asked for and was found to be empty, or was emptied. */
  async arrive(): Promise<void> {
    const WebSocket = tappedSocket({ packet: (direction, packet) => this.#passes(direction, packet) });
    const client = connect({
      ...{ url: this.gateway, WebSocket, storage: this.#storage, tuning: { retransmit: RETRANSMIT } },
      token: () => signToken(this.#secret, this.user),
      ...(this.device !== undefined && { device: this.device, sync: true }),
    });
    this.#client = client;
    client.onMessage((message) => this.handed.push(message));
    await must(
      `${this.name} logs in at ${this.gateway} (if nothing runs there, run npm start first)`,
      Promise.race([client.connected(), hopeless(client)]),
    );
  }

  async leave(): Promise<void> {
    await this.#client?.close();
    this.#client = undefined;
  }

  /** Waits until the application has been handed a message with this id. */
  async has(id: string): Promise<IncomingMessage> {
    const find = () => this.handed.find((message) => message.id === id);
    const what = `${this.name} is handed ${id}`;
    await must(
      what,
      until(() => find() !== undefined, { what, timeoutMs: 2 * PATIENCE_MS }),
    );
    const found = find();
    if (!found) throw new TourError(`${this.name} lost ${id}.`);
    return found;
  }

  /** Forgets what it has seen: a new scene begins. */
  forget(): void {
    this.#seen.length = 0;
  }

  /** Waits for a packet of this scene. */
  async sees(direction: Direction, type: string, count = 1): Promise<void> {
    const enough = () =>
      this.#seen.filter((packet) => packet.direction === direction && packet.type === type).length >= count;
    const what = `${this.name} ${direction === 'in' ? 'gets' : 'sends'} ${type}${count > 1 ? ` ${count} times` : ''}`;
    await must(what, until(enough, { what, timeoutMs: 2 * PATIENCE_MS }));
  }

  #passes(direction: Direction, packet: Packet): boolean {
    const lost = direction === 'in' && packet.type === this.lose;
    if (lost) this.lose = undefined;
    if (!this.hidden) showPacket(this.side, direction, packet, this.#since(), lost);
    this.#seen.push({ direction, type: packet.type });
    return !lost;
  }
}
