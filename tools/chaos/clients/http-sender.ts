import { setTimeout as delay } from 'node:timers/promises';
import { HttpError } from '#libs/client/server/http-error.ts';
import { ServerClient } from '#libs/client/server/server-client.ts';
import type { BatchResult, NewMessage } from '#libs/client/server/server-types.ts';
import type { SeededRandom } from '../../testkit/seeded-random.ts';
import type { ClientEvent } from '../history.ts';
import { HTTP_DEVICE } from '../users.ts';
import type { Draft } from './drafts.ts';
import type { Orders } from './orders.ts';
import { fetchServiceTokenFrom } from './tokens.ts';

/** As in test-client.ts: the next run of the process continues above these numbers. */
const PER_RUN = 1_000_000;
/** Tokens last longer, and gateways' clocks may be wrong, milliseconds. */
const TOKEN_MS = 10_000;
const TIMEOUT_MS = 5_000;
/** Mean time until a message that was not accepted is sent again, to the next gateway, milliseconds. */
const AGAIN_MS = 500;

type Happening = ClientEvent extends infer E ? (E extends ClientEvent ? Omit<E, 't' | 'who'> : never) : never;

export interface HttpSenderOptions {
  user: string;
  orders: Orders;
  random: SeededRandom;
  record: (event: ClientEvent) => void;
}

/** A back end that sends as a user over HTTP, by a service token, again until each message is accepted. */
export class HttpSender {
  /** It needs no connection. */
  readonly online = true;
  readonly #options: HttpSenderOptions;
  readonly #gateways: readonly ServerClient[];
  readonly #ended = new AbortController();
  /** The latest request of each message that is not accepted yet. */
  readonly #requests = new Map<string, number>();
  #count = 0;
  #sent = 0;
  #turn = 0;
  #token: { text: string; since: number } | undefined;

  constructor(options: HttpSenderOptions) {
    this.#options = options;
    this.#gateways = options.orders.urls.map(
      (url) =>
        new ServerClient({
          url: url.replace(/^ws/, 'http').replace(/\/ws$/, ''),
          token: () => this.#freshToken(),
          ...{ retries: 2, retry: { baseMs: 100, maxMs: 1_000 }, timeoutMs: TIMEOUT_MS },
          fetch: (input, init) => this.#request(input, init),
        }),
    );
  }

  /** Messages that are not accepted. */
  get waiting(): number {
    return this.#requests.size;
  }

  /** Resolves when all of them are accepted. */
  async send(drafts: readonly Draft[], as: 'single' | 'batch'): Promise<void> {
    await this.#deliver(
      drafts.map((draft) => this.#messageOf(draft)),
      as,
    );
  }

  /** Sends what an earlier run of the process had sent, and was not accepted. */
  async resume(history: readonly ClientEvent[]): Promise<void> {
    const left = new Map<string, NewMessage>();
    for (const event of history) {
      if (event.who !== this.#who || (event.is !== 'out' && event.is !== 'in')) continue;
      const { type, ...message } = event.packet;
      if (type === 'msg:R') left.set(String(message['id']), message as unknown as NewMessage);
      if (type === 'msg:A') left.delete(String(message['id']));
    }
    if (left.size > 0) await this.#deliver([...left.values()], 'batch');
  }

  close(): Promise<void> {
    this.#ended.abort(new Error('closed'));
    return Promise.resolve();
  }

  get #who(): string {
    return `${this.#options.user}/${HTTP_DEVICE}`;
  }

  #messageOf({ to, thread, ttl, read }: Draft): NewMessage {
    const seq = this.#options.orders.run * PER_RUN + ++this.#sent;
    const id = `m${seq}-${HTTP_DEVICE}`;
    const receivers = typeof to === 'string' ? [to] : to;
    this.#note({
      ...{ is: 'sent', id, to: receivers },
      ...(ttl !== undefined && { ttl }),
      ...(read && { read }),
    });
    const body = { to: receivers, id, thread: thread ?? '' };
    return { id, from: this.#options.user, to, body, seq, thread, ttl, read };
  }

  async #deliver(messages: readonly NewMessage[], as: 'single' | 'batch'): Promise<void> {
    for (const { id = '' } of messages) this.#requests.set(id, 0);
    for (let left = messages; left.length > 0 && !this.#ended.signal.aborted;) {
      const gateway = this.#gateways[this.#turn++ % this.#gateways.length];
      try {
        if (gateway) await this.#try(gateway, left, as);
      } catch (error) {
        if (error instanceof HttpError) this.#refused(error);
      }
      left = left.filter(({ id = '' }) => this.#requests.has(id));
      if (left.length > 0) await this.#pause();
    }
  }

  async #try(gateway: ServerClient, messages: readonly NewMessage[], as: 'single' | 'batch') {
    const { signal } = this.#ended;
    if (as === 'single')
      for (const message of messages) this.#result(await gateway.sendMessage(message, { signal }));
    else for await (const result of gateway.sendBatch(messages, { signal })) this.#result(result);
  }

  #result(result: BatchResult): void {
    if ('error' in result) {
      this.#refused(result.error);
      return;
    }
    const { id, at } = result;
    const connection = this.#requests.get(id) ?? 0;
    this.#note({ is: 'in', connection, packet: { type: 'msg:A', id, at } });
    this.#requests.delete(id);
  }

  /** What the server says, as the checker knows it; not that the network broke. */
  #refused({ code, message }: { code: string; message: string }): void {
    if (code !== 'network' && code !== 'aborted')
      this.#note({ is: 'in', connection: 0, packet: { type: 'error', code, message } });
  }

  /** Each try goes on record, before it is made. */
  #request(...[input, init]: Parameters<typeof fetch>): Promise<Response> {
    const connection = this.#options.orders.run * PER_RUN + ++this.#count;
    for (const line of (init?.body as string).trimEnd().split('\n')) {
      const message = JSON.parse(line) as { id: string };
      this.#requests.set(message.id, connection);
      this.#note({ is: 'out', connection, packet: { type: 'msg:R', ...message } });
    }
    return fetch(input, init);
  }

  async #freshToken(): Promise<string> {
    const now = performance.now();
    if (this.#token && now - this.#token.since < TOKEN_MS) return this.#token.text;
    const text = await fetchServiceTokenFrom(this.#options.orders.tokens, AbortSignal.timeout(TIMEOUT_MS));
    this.#token = { text, since: now };
    return text;
  }

  #pause(): Promise<void> {
    const { signal } = this.#ended;
    return delay(this.#options.random.wait(AGAIN_MS), undefined, { signal }).catch(() => undefined);
  }

  #note(happening: Happening): void {
    // By the right clock, whatever the nemesis does to the wall clock of this process.
    const t = Math.round(performance.timeOrigin + performance.now());
    this.#options.record({ t, who: this.#who, ...happening });
  }
}
