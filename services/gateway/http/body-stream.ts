import type { Request } from 'express';
import { HTTP_LIMITS } from './limits.ts';
import { type BodyFault, countBody } from './metrics.ts';
import { badPacket, Problem, tooLarge } from './problems.ts';

/** Takes a body piece by piece. */
export interface BodySink {
  chunk(chunk: Buffer): void;
  /** The body is complete, or (with a problem) nothing more comes of it. Called once, not after `stop`. */
  end(problem?: Problem): void;
}

/**
 * The body of a request. It ends with a Problem when it is larger than `maxBytes` (413, at once where its length says
 * so), takes too long (408), or breaks off (400). What is left of it then is discarded.
 */
export class BodyStream {
  readonly #request: Request;
  readonly #maxBytes: number;
  readonly #sink: BodySink;
  #bytes = 0;
  #leftMs: number;
  #since = 0;
  #timer: NodeJS.Timeout | undefined;
  #over = false;

  constructor(request: Request, maxBytes: number, sink: BodySink, timeoutMs = HTTP_LIMITS.bodyTimeoutMs) {
    this.#request = request;
    this.#maxBytes = maxBytes;
    this.#sink = sink;
    this.#leftMs = timeoutMs;
    this.#startTimer();
    // Answered by the server, since nothing can be read any more: then the request itself emits nothing further.
    request.res?.once('close', this.#onBroken);
    if (request.destroyed || request.res?.writableEnded === true) queueMicrotask(this.#onBroken);
    else if (Number(request.headers['content-length'] ?? 0) > maxBytes)
      queueMicrotask(() => this.#tooLarge());
    else
      request
        .on('data', this.#onData)
        .on('end', this.#onEnd)
        .on('close', this.#onBroken)
        .on('error', this.#onBroken);
  }

  /** Nothing is read, and the time does not run, until `resume`. */
  pause(): void {
    if (this.#over || this.#request.isPaused()) return;
    this.#request.pause();
    clearTimeout(this.#timer);
    this.#leftMs -= performance.now() - this.#since;
  }

  resume(): void {
    if (this.#over || !this.#request.isPaused()) return;
    this.#startTimer();
    this.#request.resume();
  }

  /** The rest is of no interest. */
  stop(): void {
    if (this.#over) return;
    this.#finish();
    discard(this.#request);
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#maxBytes) this.#tooLarge();
    else this.#sink.chunk(chunk);
  };

  readonly #onEnd = (): void => {
    this.#finish();
    this.#sink.end();
  };

  readonly #onBroken = (): void => this.#fail('broken', badPacket('the body broke off'));

  #tooLarge(): void {
    this.#fail('too_large', tooLarge(`the body is larger than ${this.#maxBytes} bytes`));
  }

  #startTimer(): void {
    this.#since = performance.now();
    // The rest may come at any time: no other request can be read from this connection.
    const headers = { Connection: 'close' };
    this.#timer = setTimeout(
      () => this.#fail('slow', new Problem(408, 'bad_packet', 'the body did not come in time', { headers })),
      this.#leftMs,
    );
  }

  #fail(fault: BodyFault, problem: Problem): void {
    if (this.#over) return;
    countBody(fault);
    this.stop();
    this.#sink.end(problem);
  }

  #finish(): void {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#request.res?.off('close', this.#onBroken);
    this.#request
      .off('data', this.#onData)
      .off('end', this.#onEnd)
      .off('close', this.#onBroken)
      .off('error', this.#onBroken);
    this.#request.on('error', () => undefined); // the client may still vanish
  }
}

/** Takes a body off the wire: a client that still writes does not read the answer yet. Too much ends the connection. */
function discard(request: Request): void {
  let left = HTTP_LIMITS.discardBytes;
  request.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) request.socket.destroy();
  });
  request.resume();
}
