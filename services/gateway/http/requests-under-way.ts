import type { Duplex } from 'node:stream';
import type { RequestHandler, Response } from 'express';
import { HTTP_LIMITS } from './limits.ts';
import { httpOpen } from './metrics.ts';
import { badPacket, Problem, sendProblem, unavailable } from './problems.ts';

/** Bounds the requests that are answered at a time, and lets them end when the gateway drains. */
export class RequestsUnderWay {
  readonly #most: number;
  /** The latest request of each socket: the one that is being read, if one is. */
  readonly #answering = new Map<Duplex, Response>();
  /** Requests whose connection ends with their answer. */
  readonly #last = new WeakSet<Response>();
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
    const { socket } = request;
    this.#answering.set(socket, response);
    // Node's HTTP server sets it back for the next request.
    socket.setTimeout(HTTP_LIMITS.answerTimeoutMs);
    response.once('close', () => {
      httpOpen.set(--this.#open);
      if (this.#answering.get(socket) === response) this.#answering.delete(socket);
      if (this.#open === 0) this.#onIdle?.();
    });
    next();
  };

  /**
   * Nothing can be read from this socket any more. A request that is not complete is refused; a complete one gets its
   * answer. Then the connection ends.
   *
   * @returns false: no request of this socket is under way
   */
  fail(socket: Duplex, fault: 'bad_request' | 'request_timeout'): boolean {
    const response = this.#answering.get(socket);
    if (!response) return false;
    if (this.#last.has(response)) return true; // Node tells it again with every piece that comes
    this.#last.add(response);
    response.shouldKeepAlive = false;
    response.once('finish', () => socket.end());
    if (!response.req.complete) sendProblem(response, FAULTS[fault]);
    return true;
  }

  /** Takes no further request. Resolves when those under way are answered. */
  async drained(): Promise<void> {
    this.#draining = true;
    if (this.#open > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
  }
}

const FAULTS = {
  bad_request: badPacket('the body broke off, or it is not HTTP'),
  request_timeout: new Problem(408, 'bad_packet', 'the body did not come in time'),
};
