import { setTimeout as delay } from 'node:timers/promises';
import { emptyMailbox } from './mailbox.ts';
import { isHint, type RawClient } from './raw-client.ts';
import { until } from './wait.ts';

/** How long the sender waits for the msg:A before it sends a message again, milliseconds; and when it was refused. */
const RESEND_MS = 3_000;
/** An outage of a minute leaves 3,000 of them: sent again at every turn, they would exceed the rate limit. */
const REFUSED_AGAIN_MS = 1_000;

let streams = 0;

/**
 * A steady stream of messages from one client to another, which answers each. A message is sent again until it is
 * accepted, and never after: from then on it is the server's.
 */
export class Traffic {
  readonly #sender: RawClient;
  readonly #receiver: RawClient;
  readonly #to: string;
  /** Begins the ids of its messages. */
  readonly #prefix = `t${++streams}-`;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  /** When each message was last sent, or that it was accepted. */
  readonly #sent = new Map<string, number | 'accepted'>();
  readonly #refused = new Set<string>();
  readonly #read: { sender: number; receiver: number };
  readonly #arrived = new Set<string>();
  readonly #delivered = new Set<string>();

  /** @param to the receiver's user, logged in with `autoAck` */
  constructor(sender: RawClient, receiver: RawClient, to: string, intervalMs = 20) {
    this.#sender = sender;
    this.#receiver = receiver;
    this.#to = to;
    this.#read = { sender: sender.packets.length, receiver: receiver.packets.length };
    this.#running = this.#run(intervalMs);
  }

  /** Resolves when a message that is first sent from now on was confirmed by the receiver, live. @returns milliseconds */
  async flows(timeoutMs = 45_000): Promise<number> {
    const [start, before] = [Date.now(), this.#sent.size];
    const { length } = this.#prefix;
    const isNew = (id: string) => id.startsWith(this.#prefix) && Number(id.slice(length)) >= before;
    const delivered = () =>
      this.#sender.all('ack:N', ({ id, state }) => state === 'delivered' && isNew(id)).length;
    try {
      await until(delivered, { what: 'a new message to be delivered live', timeoutMs });
    } catch (cause) {
      const counts = [this.#sent.size, this.#accepted().length, this.#arrived.size, this.#delivered.size];
      throw new Error(`sent, accepted, arrived, delivered: ${counts.join(', ')}`, { cause });
    }
    return Date.now() - start;
  }

  /**
   * Ends it; resolves when everything that was accepted has arrived and its sender knows.
   * @returns how many messages that were
   */
  async finish(timeoutMs = 45_000): Promise<number> {
    this.#stop.abort();
    await this.#running;
    const hints = { sender: 0, receiver: 0 };
    const missing = () => this.#accepted().filter((id) => !this.#arrived.has(id) || !this.#delivered.has(id));
    const check = async () => {
      for (const role of ['sender', 'receiver'] as const) {
        const client = role === 'sender' ? this.#sender : this.#receiver;
        const count = client.all('offline:N', isHint).length;
        if (count > hints[role]) await emptyMailbox(client);
        hints[role] = count;
      }
      this.#take();
      return this.#waiting().length === 0 && missing().length === 0;
    };
    try {
      await until(check, { what: 'everything to be delivered', timeoutMs, intervalMs: 100 });
    } catch (cause) {
      const text = `not accepted: ${this.#waiting().join(' ')}; not delivered: ${missing().join(' ')}`;
      throw new Error(text, { cause });
    }
    return this.#sent.size;
  }

  async #run(intervalMs: number): Promise<void> {
    for (let n = 0; !this.#stop.signal.aborted; n++) {
      this.#send(`${this.#prefix}${n}`);
      await delay(intervalMs, undefined, { signal: this.#stop.signal }).catch(() => undefined);
      this.#take();
    }
  }

  #send(id: string): void {
    this.#refused.delete(id);
    this.#sent.set(id, Date.now());
    this.#sender.msg(this.#to, id);
  }

  /** Reads what has come since, and sends again what was refused or not answered. */
  #take(): void {
    for (const { packet } of this.#sender.packets.slice(this.#read.sender)) {
      if (packet.type === 'msg:A') this.#sent.set(packet.id, 'accepted');
      else if (packet.type === 'error' && packet.re?.id !== undefined) this.#refused.add(packet.re.id);
      else if (packet.type === 'ack:N' && packet.state === 'delivered') this.#delivered.add(packet.id);
      else if (packet.type === 'offline:N')
        for (const { id, state } of packet.receipts) if (state === 'delivered') this.#delivered.add(id);
    }
    this.#read.sender = this.#sender.packets.length;
    for (const { packet } of this.#receiver.packets.slice(this.#read.receiver)) {
      if (packet.type === 'msg:N') this.#arrived.add(packet.id);
      else if (packet.type === 'offline:N') for (const { id } of packet.messages) this.#arrived.add(id);
    }
    this.#read.receiver = this.#receiver.packets.length;
    const now = Date.now();
    for (const id of this.#waiting())
      if (Number(this.#sent.get(id)) < now - (this.#refused.has(id) ? REFUSED_AGAIN_MS : RESEND_MS))
        this.#send(id);
  }

  #waiting(): string[] {
    return [...this.#sent].filter(([, state]) => state !== 'accepted').map(([id]) => id);
  }

  #accepted(): string[] {
    return [...this.#sent].filter(([, state]) => state === 'accepted').map(([id]) => id);
  }
}
