import type { ClientPacket, LoginR, MsgR } from '../../protocol/client-packets.ts';
import type { ServerPacket } from '../../protocol/packets.ts';
import type { SocketConstructor, SocketLike } from '../connection/socket.ts';
import { settle } from './manual-clock.ts';

type Packet<T extends ClientPacket['type']> = Extract<ClientPacket, { type: T }>;
interface CloseEvent {
  readonly code: number;
  readonly reason: string;
}
interface Listeners {
  open: (() => void)[];
  error: (() => void)[];
  message: ((event: { data: unknown }) => void)[];
  close: ((event: CloseEvent) => void)[];
}

/** The gateway's end of one connection, scripted by a test. */
export class FakeConnection {
  readonly url: string;
  readonly protocols: readonly string[];
  /** Everything the client sent, oldest first; {@link take} takes from it. */
  readonly received: ClientPacket[] = [];
  /** The client closed its end, with this code. */
  closedByClient: number | undefined;
  /** The client cut the TCP connection. */
  terminated = false;
  /** The other end is gone without a word: nothing passes, not even a close. */
  dead = false;
  /** Does not answer a close. */
  slowToClose = false;
  readonly #listeners: Listeners;
  #closed = false;

  constructor(url: string, protocols: readonly string[], listeners: Listeners) {
    this.url = url;
    this.protocols = protocols;
    this.#listeners = listeners;
  }

  /** The handshake is through. */
  async open(): Promise<void> {
    for (const listener of this.#listeners.open) listener();
    await settle();
  }

  async send(...packets: (ServerPacket | { type: string; [field: string]: unknown })[]): Promise<void> {
    for (const packet of packets) this.raw(JSON.stringify(packet));
    await settle();
  }

  raw(data: unknown): void {
    if (this.#closed || this.dead) return;
    for (const listener of this.#listeners.message) listener({ data });
  }

  async close(code: number, reason = ''): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const listener of this.#listeners.close) listener({ code, reason });
    await settle();
  }

  /** Takes the oldest packet of that type. @throws Error when there is none */
  take<T extends ClientPacket['type']>(type: T): Packet<T> {
    const index = this.received.findIndex((packet) => packet.type === type);
    const [packet] = index < 0 ? [] : this.received.splice(index, 1);
    if (!packet) throw new Error(`no ${type}; there is: ${JSON.stringify(this.received)}`);
    return packet as Packet<T>;
  }

  takeAll<T extends ClientPacket['type']>(type: T): Packet<T>[] {
    const taken = this.received.filter((packet) => packet.type === type);
    for (const packet of taken) this.received.splice(this.received.indexOf(packet), 1);
    return taken as Packet<T>[];
  }

  /** Ids of the msg:R that came, oldest first, and takes them. */
  takeIds(): string[] {
    return this.takeAll('msg:R').map(({ id }: MsgR) => id);
  }

  /** PendingAcks the login:R, and the offline:R that follows with an empty mailbox. */
  async login(
    over: { user?: string; session?: string; limits?: object; sync?: true; mailbox?: boolean } = {},
  ): Promise<LoginR> {
    const { device = 'default', ...login } = this.take('login:R');
    const limits = {
      maxPacketBytes: 65_536,
      sendWindow: 128,
      receiveWindow: 128,
      ackTimeoutMs: 10_000,
      ratePerS: 0,
    };
    await this.send({
      ...{
        type: 'login:A',
        user: over.user ?? 'alice',
        device,
        session: over.session ?? 's1',
        at: 1_800_000_000_000,
        sync: over.sync,
      },
      limits: { ...limits, ...over.limits },
    });
    if (over.mailbox ?? true) {
      this.take('offline:R');
      await this.mailbox();
    }
    return { ...login, device };
  }

  /** PendingAcks an offline:R. */
  async mailbox(
    batch: { messages?: object[]; receipts?: object[]; more?: boolean; missed?: object } = {},
  ): Promise<void> {
    await this.send({ type: 'offline:N', messages: [], receipts: [], more: false, ...batch });
  }

  /** The client's packet arrived. */
  fromClient(text: string): void {
    if (this.dead) return;
    if (this.#closed) throw new Error(`sent on a closed socket: ${text}`);
    this.received.push(JSON.parse(text) as ClientPacket);
  }

  /** The client closed its end. */
  closeFromClient(code: number): void {
    this.closedByClient ??= code;
    if (!this.dead && !this.slowToClose) void this.close(code);
  }
}

/** In the place of the WebSocket and everything behind it. */
export class FakeGateway {
  /** All connections there were, oldest first. */
  readonly connections: FakeConnection[] = [];

  get WebSocket(): SocketConstructor {
    const { connections } = this;
    return class implements SocketLike {
      readonly #listeners: Listeners = { open: [], error: [], message: [], close: [] };
      readonly #connection: FakeConnection;

      constructor(url: string, protocols: string[]) {
        this.#connection = new FakeConnection(url, protocols, this.#listeners);
        connections.push(this.#connection);
      }

      addEventListener<T extends keyof Listeners>(type: T, run: Listeners[T][number]): void {
        (this.#listeners[type] as Listeners[T][number][]).push(run);
      }

      send(text: string): void {
        this.#connection.fromClient(text);
      }

      close(code = 1005): void {
        this.#connection.closeFromClient(code);
      }

      terminate(): void {
        this.#connection.terminated = true;
      }
    };
  }

  /** The newest connection. @throws Error when there is none */
  get last(): FakeConnection {
    const last = this.connections.at(-1);
    if (!last) throw new Error('the client has not connected');
    return last;
  }
}
