import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { verifyWebhook, type WebhookEvent } from '#libs/client/server/webhook.ts';
import type { SeededRandom } from '../testkit/seeded-random.ts';

/** Key of the signatures, as in WEBHOOK_SECRET. */
export const WEBHOOK_KEY = `whsec_${Buffer.alloc(32, 'chaos').toString('base64')}`;

/** Share of the time in which it is down, and how long each state lasts, milliseconds. */
const DOWN = 1 / 3;
const STATE_MS = { min: 500, max: 2_500 };
/** The webhook service waits less for an answer, milliseconds. */
const HANG_MS = 12_000;

type State = 'answers' | 'refuses' | 'fails' | 'hangs' | 'resets';
const DOWN_STATES: readonly State[] = ['refuses', 'fails', 'hangs', 'resets'];

/** An event as it came; `taken`: the answer was 2xx. */
export interface SeenEvent {
  event: WebhookEvent;
  taken: boolean;
}

/** The endpoint of a back end that hears of events, and is down about a third of the time. */
export class EventEndpoint {
  readonly seen: SeenEvent[] = [];
  /** Requests without a right signature, in words. */
  readonly forged: string[] = [];
  readonly #random: SeededRandom;
  readonly #steady = new AbortController();
  readonly #server = createServer((request, response) => {
    void this.#take(request, response).catch(() => response.destroy()); // the request broke off
  });
  #state: State = 'answers';
  #port = 0;
  #changing: Promise<void> | undefined;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  /** @returns its address */
  async listen(): Promise<string> {
    await this.#open();
    this.#changing = this.#change();
    return `http://127.0.0.1:${this.#port}/events`;
  }

  /** From now on it answers. */
  async settle(): Promise<void> {
    this.#steady.abort();
    await this.#changing;
  }

  async close(): Promise<void> {
    await this.settle();
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #open(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async #change(): Promise<void> {
    const { signal } = this.#steady;
    while (!signal.aborted) {
      this.#state = this.#random.chance(DOWN) ? this.#random.pick(DOWN_STATES) : 'answers';
      if (this.#state === 'refuses') {
        this.#server.close();
        this.#server.closeAllConnections();
      }
      const ms = this.#random.integer(STATE_MS.min, STATE_MS.max);
      await delay(ms, undefined, { signal }).catch(() => undefined);
      if (this.#state === 'refuses') await this.#open();
    }
    this.#state = 'answers';
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    const events = this.#verified(body, request);
    const state = this.#state;
    const taken = state === 'answers';
    this.seen.push(...events.map((event) => ({ event, taken })));
    if (state === 'hangs') await delay(HANG_MS, undefined, { signal: this.#steady.signal, ref: false });
    if (state === 'hangs' || state === 'resets' || state === 'refuses') request.socket.resetAndDestroy();
    else response.writeHead(state === 'fails' ? 500 : 204).end();
  }

  #verified(body: string, { headers }: IncomingMessage): WebhookEvent[] {
    try {
      return verifyWebhook(body, headers, WEBHOOK_KEY);
    } catch (error) {
      this.forged.push(String(error));
      return [];
    }
  }
}
