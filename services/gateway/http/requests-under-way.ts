import type { RequestHandler } from 'express';
import { HTTP_LIMITS } from './limits.ts';
import { httpOpen } from './metrics.ts';
import { unavailable } from './problems.ts';

/** Bounds the requests that are answered at a time, and lets them end when the gateway drains. */
export class RequestsUnderWay {
  readonly #most: number;
  #open = 0;
  #draining = false;
  #onIdle: (() => void) | undefined;

  constructor(most: number) {
    this.#most = most;
  }

  /** Refuses a request beyond the limit. */
  readonly admit: RequestHandler = (request, response, next) => {
    if (this.#draining) {
      response.set('Connection', 'close');
      throw unavailable('the gateway is going away; another one takes it');
    }
    if (this.#open >= this.#most) throw unavailable('too many requests at a time');
    this.#open++;
    httpOpen.set(this.#open);
    // Node's HTTP server sets it back for the next request.
    request.socket.setTimeout(HTTP_LIMITS.answerTimeoutMs);
    response.once('close', () => {
      httpOpen.set(--this.#open);
      if (this.#open === 0) this.#onIdle?.();
    });
    next();
  };

  /** Takes no further request. Resolves when those under way are answered. */
  async drained(): Promise<void> {
    this.#draining = true;
    if (this.#open > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
  }
}
