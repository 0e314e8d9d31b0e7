/** Codes after which the same request may succeed later. */
const RETRYABLE_CODES = new Set(['rate_limited', 'unavailable', 'network']);

/**
 * The same, whatever the code: the body came too slowly (408), or the gateways behind a proxy are away, and the proxy answers
 * in their place.
 */
const RETRYABLE_STATUS = new Set([408, 429, 502, 503, 504]);

/** What is known of a failed request. */
export interface Failure {
  /** The server's code, see {@link HttpError.code}. */
  readonly code: string;
  /** HTTP status; 0 without an answer. */
  readonly status?: number;
  /** Pause that the server asks for, milliseconds. */
  readonly retryAfterMs?: number | undefined;
  /** What the server refused, as it says it. */
  readonly re?: unknown;
}

/** A request that failed, after all retries. */
export class HttpError extends Error {
  /** The name of the class. */
  override readonly name = 'HttpError';
  /**
   * The server's code (`bad_packet`, `unauthorized`, `forbidden`, `rate_limited`, `unavailable`), `network` without a complete
   * answer, or `http_404` and the like for an answer without a code, such as that of a proxy.
   */
  readonly code: string;
  /** HTTP status; 0 without an answer. */
  readonly status: number;
  /** Pause that the server asks for, milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** What the server refused: `{type, id, to}` of a message. */
  readonly re: unknown;

  constructor(message: string, failure: Failure, options: ErrorOptions = {}) {
    super(message, options);
    this.code = failure.code;
    this.status = failure.status ?? 0;
    this.retryAfterMs = failure.retryAfterMs;
    this.re = failure.re;
  }

  /** Whether the same request may succeed later. */
  get retryable(): boolean {
    return RETRYABLE_STATUS.has(this.status) || RETRYABLE_CODES.has(this.code);
  }
}

/** The error that a response other than 2xx means. */
export async function refusal(response: Response): Promise<HttpError> {
  const { status, headers } = response;
  const text = await response.text();
  const { code, message, re } = fields(text);
  const retryAfterMs = retryAfter(headers.get('retry-after'));
  const failure = { code: typeof code === 'string' ? code : `http_${status}`, status, retryAfterMs, re };
  return new HttpError(typeof message === 'string' ? message : `HTTP status ${status}`, failure);
}

function fields(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {}; // no JSON: the answer of a proxy
  }
}

/** Milliseconds until the time in a Retry-After header: seconds, or a date. */
function retryAfter(header: string | null): number | undefined {
  if (header === null) return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}
