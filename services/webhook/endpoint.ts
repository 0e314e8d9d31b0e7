import { requestSeconds, requestsTotal } from './metrics.ts';
import { retryAfterMs } from './retry-after.ts';
import type { Sign } from './signature.ts';

/** How long the endpoint may take to answer with a status, milliseconds (PROTOCOL: Events). */
const ANSWER_WITHIN_MS = 10_000;
/** The body of an answer is of no interest. It is read up to these limits, so that the connection can be used again. */
const MAX_BODY_BYTES = 64 * 1024;
const BODY_WITHIN_MS = 1_000;

/** Whether the endpoint took a batch; if not, why, for the log. */
export type Answer = { taken: true } | { taken: false; why: string };

export interface EndpointOptions {
  url: string;
  sign: Sign;
  answerWithinMs?: number;
}

/** The operator's endpoint. A 2xx status takes a batch; everything else, a redirect too, does not. */
export class Endpoint {
  readonly #options: EndpointOptions;
  /** Until when it asked to be left alone (Retry-After), milliseconds of performance.now(). */
  #closedUntil = 0;

  constructor(options: EndpointOptions) {
    this.#options = options;
  }

  /** How much longer it wants no requests, milliseconds. */
  get closedMs(): number {
    return Math.max(0, this.#closedUntil - performance.now());
  }

  /**
   * Makes one request. It does not reject.
   *
   * @param stop ends it early; the endpoint may have taken the batch then
   */
  async post(id: string, body: string, stop: AbortSignal): Promise<Answer> {
    const { answerWithinMs = ANSWER_WITHIN_MS } = this.#options;
    const deadline = AbortSignal.timeout(answerWithinMs);
    const measured = requestSeconds.startTimer();
    try {
      const response = await this.#request(id, body, AbortSignal.any([deadline, stop])).finally(measured);
      const answer = this.#read(response);
      await skipBody(response);
      return answer;
    } catch (error) {
      requestsTotal.inc({ outcome: deadline.aborted ? 'timeout' : 'error' });
      return { taken: false, why: deadline.aborted ? 'timeout' : causeOf(error) };
    }
  }

  #request(id: string, body: string, signal: AbortSignal): Promise<Response> {
    const { url, sign } = this.#options;
    const headers = { 'content-type': 'application/json', 'user-agent': 'Sixfold' };
    return fetch(url, {
      method: 'POST',
      headers: { ...headers, ...sign(id, Date.now(), body) },
      body,
      redirect: 'manual',
      signal,
    });
  }

  #read({ status, ok, headers }: Response): Answer {
    requestsTotal.inc({ outcome: `${Math.floor(status / 100)}xx` });
    if (ok) return { taken: true };
    const waitMs = retryAfterMs(headers.get('retry-after'), Date.now());
    this.#closedUntil = Math.max(this.#closedUntil, performance.now() + waitMs);
    return { taken: false, why: `status ${status}` };
  }
}

/** Reads the body within its limits, else ends the connection. The status counts in any case. */
async function skipBody({ body }: Response): Promise<void> {
  if (!body) return;
  const reader = (body as ReadableStream<Uint8Array>).getReader();
  const cancel = () => reader.cancel().catch(() => undefined); // it may have failed already
  const late = setTimeout(() => void cancel(), BODY_WITHIN_MS);
  try {
    for (let size = 0; size <= MAX_BODY_BYTES;) {
      const { done, value } = await reader.read();
      if (done) return;
      size += value.byteLength;
    }
  } catch {
    // It broke off after the status, which is all that counts.
  } finally {
    clearTimeout(late);
    await cancel();
  }
}

/** fetch hides the reason in the cause of its error. Neither names the address. */
function causeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : undefined;
  return code ?? (cause instanceof Error ? cause.message : String(cause));
}
