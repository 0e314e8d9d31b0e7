import { setTimeout as delay } from 'node:timers/promises';
import { type Client, connect, type OutgoingMessage } from '#libs/client/index.ts';
import type { Stack } from './running-stack.ts';
import type { ServiceHandle } from '../../tools/testkit/service-handle.ts';
import { until } from './wait.ts';

/** Who writes to whom, and through which gateways; each tries its own in turn. */
export interface ConversationOptions {
  from: string;
  to: string;
  fromVia: readonly ServiceHandle[];
  toVia: readonly ServiceHandle[];
}

/** A fault of seconds must not turn into a pause of half a minute. */
const TUNING = { reconnect: { baseMs: 200, maxMs: 2_000 }, loginTimeoutMs: 5_000, pullTimeoutMs: 5_000 };

/** A stream of messages from one reference client to another, and what each of them was told. */
export class Conversation implements AsyncDisposable {
  /** What must never happen, in words. */
  readonly wrong: string[] = [];
  readonly #stack: Stack;
  readonly #options: ConversationOptions;
  readonly #sender: Client;
  #receiver: Client | undefined;
  readonly #sent: OutgoingMessage[] = [];
  /** Numbers of the messages that the receiver's application has, in the order in which it got them. */
  readonly #handed: number[] = [];
  /** From the sending of a message to the word that it is delivered, milliseconds, by number. */
  readonly #waits: number[] = [];
  readonly #stop = new AbortController();
  #sending: Promise<void> = Promise.resolve();

  constructor(stack: Stack, options: ConversationOptions) {
    this.#stack = stack;
    this.#options = options;
    this.#sender = this.#client(options.from, options.fromVia);
  }

  /** The receiver comes, for good. */
  async receive(): Promise<void> {
    this.#receiver = this.#client(this.#options.to, this.#options.toVia);
    this.#receiver.onMessage(({ body }) => {
      const n = Number(body);
      if (this.#handed.includes(n)) this.wrong.push(`${n} handed on twice`);
      this.#handed.push(n);
    });
    await this.#receiver.connected();
  }

  /** Begins to send. @returns once the first message is accepted */
  async start(intervalMs = 25): Promise<void> {
    await this.#sender.connected();
    this.#sending = this.#send(intervalMs);
    await until(() => this.#sent[0]?.state !== 'sending', { what: 'the first message to be accepted' });
  }

  /** How many messages were sent so far. */
  get count(): number {
    return this.#sent.length;
  }

  /** How many of the messages sent so far have come to this state, or further. */
  tally(state: 'sent' | 'stored' | 'delivered'): number {
    const further = { sent: ['sent', 'stored', 'delivered'], stored: ['stored'], delivered: ['delivered'] };
    return this.#sent.filter((message) => further[state].includes(message.state)).length;
  }

  /** Resolves when a message that is sent from now on is in that state. @returns milliseconds */
  async flows(state: 'sent' | 'stored' | 'delivered' = 'delivered', timeoutMs = 60_000): Promise<number> {
    const [began, from] = [Date.now(), this.count];
    await until(() => this.#sent.slice(from).some((message) => message.state === state), {
      what: `a new message of ${this.#options.from} to be ${state}`,
      timeoutMs,
    });
    return Date.now() - began;
  }

  /** Ends it; resolves when all that was sent is delivered. @returns how many messages that were */
  async finish(timeoutMs = 60_000): Promise<number> {
    this.#stop.abort();
    await this.#sending;
    const missing = () => this.#sent.filter(({ state }) => state !== 'delivered');
    await until(() => missing().length === 0, {
      what: `all messages of ${this.#options.from} to be delivered`,
      timeoutMs,
    }).catch((cause: unknown) => {
      const left = missing().map(({ id, state }) => `${id} ${state}`);
      throw new Error(`${this.#options.from} to ${this.#options.to}: ${left.join(', ')}`, { cause });
    });
    return this.count;
  }

  /** How many of the messages from number `from` up to `to` were handed on behind a later one. */
  inversions(from = 0, to = this.count): number {
    const [range, late] = [this.#handed.filter((n) => n >= from && n < to), [] as number[]];
    for (const [place, n] of range.entries()) if (range.slice(0, place).some((m) => m > n)) late.push(n);
    return late.length;
  }

  /** The longest wait for `delivered` of the messages from number `from` on, milliseconds. */
  longestWait(from = 0): number {
    return Math.max(0, ...this.#waits.slice(from).filter(Number.isFinite));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#sending;
    await Promise.all([this.#sender.close({ flushMs: 0 }), this.#receiver?.close({ flushMs: 0 })]);
  }

  async #send(intervalMs: number): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const n = this.count;
      const began = Date.now();
      const message = this.#sender.send(this.#options.to, n, { id: `m${n}`, seq: n });
      message.onState(({ state, reason }) => {
        if (state === 'rejected' || state === 'failed') this.wrong.push(`${n} ${state}: ${reason ?? ''}`);
        if (state === 'delivered') this.#waits[n] ??= Date.now() - began;
        if (state === 'delivered' && !this.#handed.includes(n)) this.wrong.push(`${n} said to be delivered`);
      });
      this.#sent.push(message);
      await delay(intervalMs, undefined, { signal }).catch(() => undefined);
    }
  }

  #client(user: string, via: readonly ServiceHandle[]): Client {
    const token = () => this.#stack.token(user);
    const client = connect({ urls: via.map(({ url }) => url), token, tuning: TUNING });
    client.onError(() => undefined); // while something is wrong
    return client;
  }
}
