import { type ClientOptions, WebSocket } from 'ws';
import type { ClientPacket } from '#libs/protocol/client-packets.ts';
import type { Json } from '#libs/protocol/json.ts';
import { SUBPROTOCOL } from '#libs/protocol/limits.ts';
import type { Bye, LoginA, OfflineN, ServerPacket, ServerType } from '#libs/protocol/server-packets.ts';

type Packet<T extends ServerType> = Extract<ServerPacket, { type: T }>;

/** Which packets of a type are meant: fields that must be equal, or a predicate. */
export type Filter<T extends ServerType> = Partial<Packet<T>> | ((packet: Packet<T>) => boolean);

export interface RawOptions {
  /** For {@link RawClient.login}. */
  token?: string;
  device?: string;
  /** Makes the device a synced one. */
  sync?: boolean;
  /** Answers every msg:N at once. */
  autoAck?: boolean;
  /** Subprotocols to offer; default: ours. */
  protocol?: string | string[];
  /** Takes each packet that no `next` waits for; none is kept, so that memory does not grow. */
  onPacket?: (packet: ServerPacket) => void;
  /** Further options of the WebSocket, such as `autoPong`. */
  ws?: ClientOptions;
}

/** A packet as it arrived. */
export interface Arrival {
  packet: ServerPacket;
  /** The frame itself. */
  text: string;
  /** Milliseconds since the epoch, this process's clock. */
  receivedAt: number;
}

interface Waiter {
  matches: (packet: ServerPacket) => boolean;
  resolve: (packet: ServerPacket) => void;
  reject: (why: string) => void;
}

/** How long a test waits for a packet unless it says otherwise, milliseconds. */
const PATIENCE_MS = 45_000;

/** Opens a WebSocket. @throws when the upgrade is refused; the message holds the HTTP status */
export async function connectRaw(url: string, options: RawOptions = {}): Promise<RawClient> {
  const { protocol = SUBPROTOCOL } = options;
  const ws = new WebSocket(url, protocol, { perMessageDeflate: false, ...options.ws });
  const client = new RawClient(ws, options);
  await new Promise<void>((resolve, reject) => {
    ws.once('open', resolve);
    ws.once('error', reject);
  });
  ws.on('error', () => undefined); // a close follows it
  return client;
}

/** Something was stored while you are connected (PROTOCOL: offline:N); an answer to offline:R never looks like it. */
export const isHint = ({ messages, receipts, more }: OfflineN) =>
  messages.length === 0 && receipts.length === 0 && more;

/** A client that does nothing by itself: each packet that it sends is the test's own decision. */
export class RawClient implements AsyncDisposable {
  readonly ws: WebSocket;
  /** Everything that arrived, in order. */
  readonly packets: Arrival[] = [];
  /** Resolves when the socket is closed. */
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly #options: RawOptions;
  /** What no `next` has taken yet, by type. */
  readonly #unread = new Map<ServerType, ServerPacket[]>();
  #waiters: Waiter[] = [];
  #end: string | undefined;
  #pulling: ClientPacket | undefined;

  /** Use {@link connectRaw}. */
  constructor(ws: WebSocket, options: RawOptions) {
    this.ws = ws;
    this.#options = options;
    ws.on('message', (data: Buffer) => this.#arrived(data.toString()));
    this.closed = new Promise((resolve) => {
      ws.once('close', (code, reason) => {
        this.#end = `closed with ${code} ${reason.toString()}`;
        for (const { reject } of this.#waiters.splice(0)) reject(this.#end);
        resolve({ code, reason: reason.toString() });
      });
    });
  }

  /** The gateway's bye, if one came. */
  get bye(): Bye | undefined {
    return this.all('bye')[0];
  }

  send(packet: ClientPacket | string): void {
    this.ws.send(typeof packet === 'string' ? packet : JSON.stringify(packet));
  }

  /** Sends a msg:R. */
  msg(to: string | string[], id: string, body: Json = id, seq?: number): void {
    this.send({ type: 'msg:R', id, to, body, ...(seq !== undefined && { seq }) });
  }

  /** Sends the login:R, and waits for its login:A. */
  async login(timeoutMs?: number): Promise<LoginA> {
    const { token = '', device, sync } = this.#options;
    this.send({
      type: 'login:R',
      token,
      ...(device !== undefined && { device }),
      ...(sync !== undefined && { sync }),
    });
    return this.next('login:A', {}, timeoutMs);
  }

  /** Sends an offline:R, again when it is `unavailable`, and waits for its answer; hints are left alone. */
  async pull(limit?: number): Promise<OfflineN> {
    this.#pulling = { type: 'offline:R', ...(limit !== undefined && { limit }) };
    this.send(this.#pulling);
    const page = await this.next('offline:N', (page) => !isHint(page));
    this.#pulling = undefined;
    return page;
  }

  /**
   * The first packet of that kind that no other `next` has taken, be it here already or still to come.
   * @throws Error with everything that arrived, when it does not come in time or the socket closes
   */
  async next<T extends ServerType>(
    type: T,
    filter: Filter<T> = {},
    timeoutMs = PATIENCE_MS,
  ): Promise<Packet<T>> {
    const matches = matcher(type, filter);
    const unread = this.#unread.get(type) ?? [];
    const at = unread.findIndex(matches);
    const [here] = at < 0 ? [] : unread.splice(at, 1);
    if (here) return here as Packet<T>;
    const what = `${type} ${typeof filter === 'function' ? String(filter) : JSON.stringify(filter)}`;
    const late = new Error(`no ${what}`); // made here, where the stack still shows the test
    return new Promise((resolve, reject) => {
      const fail = (why: string) => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
        clearTimeout(timer);
        late.message = `no ${what}: ${why}; what arrived:\n${this.describe()}`;
        reject(late);
      };
      const timer = setTimeout(() => fail(`waited ${timeoutMs} ms`), timeoutMs);
      const done = (packet: ServerPacket) => {
        clearTimeout(timer);
        resolve(packet as Packet<T>);
      };
      const waiter: Waiter = { matches, resolve: done, reject: fail };
      if (this.#end === undefined) this.#waiters.push(waiter);
      else fail(this.#end);
    });
  }

  /** Every packet of that kind so far, also those that `next` has taken. */
  all<T extends ServerType>(type: T, filter: Filter<T> = {}): Packet<T>[] {
    const matches = matcher(type, filter);
    return this.packets.map(({ packet }) => packet).filter((packet): packet is Packet<T> => matches(packet));
  }

  /** The frame that a packet came in. */
  textOf(packet: ServerPacket): string {
    const arrival = this.packets.find((one) => one.packet === packet);
    if (!arrival) throw new Error('that packet did not arrive here');
    return arrival.text;
  }

  /** For what must not come and has no marker behind it: nothing of that kind for `quietMs`. */
  async staysWithout<T extends ServerType>(type: T, filter: Filter<T>, quietMs: number): Promise<void> {
    const before = this.all(type, filter).length;
    await new Promise((resolve) => setTimeout(resolve, quietMs));
    const came = this.all(type, filter).slice(before);
    if (came.length > 0) throw new Error(`expected none, but got ${JSON.stringify(came)}`);
  }

  /** What arrived, a line for each packet; of very many, the last. */
  describe(most = 60): string {
    const left = Math.max(0, this.packets.length - most);
    const lines = this.packets.slice(left).map(({ text, receivedAt }) => {
      const time = new Date(receivedAt).toISOString().slice(11, 23);
      return `  ${time} ${text.length > 200 ? `${text.slice(0, 200)}… (${text.length})` : text}`;
    });
    return [...(left > 0 ? [`  (${left} before)`] : []), ...lines].join('\n') || '  (nothing)';
  }

  /** Ends it in an orderly way. */
  async close(): Promise<void> {
    this.ws.close(1000);
    await this.closed;
  }

  /** Ends it as a broken network does. */
  async terminate(): Promise<void> {
    this.ws.terminate();
    await this.closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.terminate();
  }

  #arrived(text: string): void {
    const packet = JSON.parse(text) as ServerPacket;
    const { onPacket } = this.#options;
    if (!onPacket) this.packets.push({ packet, text, receivedAt: Date.now() });
    if (packet.type === 'msg:N' && this.#options.autoAck === true)
      this.send({ type: 'ack:R', id: packet.id, from: packet.from });
    if (
      this.#pulling &&
      packet.type === 'error' &&
      packet.code === 'unavailable' &&
      packet.re?.type === 'offline:R'
    )
      this.send(this.#pulling);
    const n = this.#waiters.findIndex(({ matches }) => matches(packet));
    const [waiter] = n < 0 ? [] : this.#waiters.splice(n, 1);
    if (waiter) {
      waiter.resolve(packet);
      return;
    }
    const unread = this.#unread.get(packet.type);
    if (onPacket) onPacket(packet);
    else if (unread) unread.push(packet);
    else this.#unread.set(packet.type, [packet]);
  }
}

function matcher<T extends ServerType>(type: T, filter: Filter<T>): (packet: ServerPacket) => boolean {
  const fields = typeof filter === 'function' ? [] : Object.entries(filter);
  return (packet) => {
    if (packet.type !== type) return false;
    if (typeof filter === 'function') return filter(packet as Packet<T>);
    return fields.every(([name, value]) => (packet as Record<string, unknown>)[name] === value);
  };
}
