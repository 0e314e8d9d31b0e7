import type { BackoffOptions } from '../timing/backoff.ts';
import { HttpError, refusal } from './http-error.ts';
import { DEFAULT_RETRIES, DEFAULT_RETRY, Retries, type RetryOptions } from './retries.ts';

/** Options of {@link ServerClient}. */
export interface ServerClientOptions {
  /** Where the gateways are, such as `https://chat.example`; `/v1/…` is added to it. */
  readonly url: string | URL;
  /** A service token, or a user's; a function is called for each request and may fetch one. */
  readonly token: string | (() => string | Promise<string>);
  /** Most tries after the first, where a call says nothing else; default 5. */
  readonly retries?: number | undefined;
  /** Pauses between tries; default 200 ms, doubling to 10 s, with full jitter. A `Retry-After` is added. */
  readonly retry?: BackoffOptions | undefined;
  /** Until one try is given up, milliseconds; default 30,000. */
  readonly timeoutMs?: number | undefined;
  /** Another `fetch`, such as one with a proxy or a certificate of its own. */
  readonly fetch?: typeof fetch | undefined;
}

/** One request; `path` begins with `/v1`. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly body?: string;
  readonly type?: 'application/json' | 'application/x-ndjson';
}

const DEFAULT_TIMEOUT_MS = 30_000;

/** Sends requests with the token, and tries them again. */
export class HttpTransport {
  readonly #options: ServerClientOptions;
  readonly #base: string;

  /** @throws TypeError when `url` is no URL */
  constructor(options: ServerClientOptions) {
    this.#options = options;
    this.#base = new URL(options.url).href.replace(/\/$/, '');
  }

  /** The tries of one call. */
  retries({ retries, signal }: RetryOptions): Retries {
    const most = retries ?? this.#options.retries ?? DEFAULT_RETRIES;
    return new Retries({ retries: most, signal }, this.#options.retry ?? DEFAULT_RETRY, Math.random);
  }

  /** Sends the request until it succeeds. @throws HttpError; the signal's reason when it aborts */
  async send<T>(
    request: HttpRequest,
    options: RetryOptions,
    read: (answer: Response) => Promise<T>,
  ): Promise<T> {
    const retries = this.retries(options);
    for (;;) {
      try {
        return await this.once(request, options.signal, read);
      } catch (error) {
        await retries.after(error);
      }
    }
  }

  /** One try. @throws HttpError; the signal's reason when it aborts; what the token function throws */
  async once<T>(
    { method, path, body, type = 'application/json' }: HttpRequest,
    signal: AbortSignal | undefined,
    read: (answer: Response) => Promise<T>,
  ): Promise<T> {
    const { token, timeoutMs = DEFAULT_TIMEOUT_MS, fetch: send = fetch } = this.#options;
    signal?.throwIfAborted();
    const authorization = `Bearer ${typeof token === 'string' ? token : await token()}`;
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      const response = await send(`${this.#base}${path}`, {
        method,
        headers: { authorization, ...(body !== undefined && { 'content-type': type }) },
        ...(body !== undefined && { body }),
        redirect: 'manual', // a token must not go elsewhere
        signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      });
      if (!response.ok) throw await refusal(response);
      return await read(response);
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof HttpError) throw error;
      throw new HttpError('no complete answer', { code: 'network' }, { cause: error });
    }
  }
}
