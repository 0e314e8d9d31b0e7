import type { Dead, Outcome, Overview, Partition, Session, Slow, Trace, User } from '../model/answers.ts';
import type { Login } from './session.ts';

/** Longest wait for an answer: a revocation waits for routing, milliseconds. */
const TIMEOUT_MS = 60_000;

/** Why a request failed, and what the operator can do. */
export class ApiError extends Error {
  readonly code: string;
  readonly advice: string;

  constructor(code: string, message: string, advice: string) {
    super(message);
    this.code = code;
    this.advice = advice;
  }
}

/** The console's server. @throws ApiError, from every method */
export class Api {
  readonly #login: Login;
  readonly #onRefused: () => void;

  /** @param onRefused the token is not right any more */
  constructor(login: Login, onRefused: () => void) {
    this.#login = login;
    this.#onRefused = onRefused;
  }

  overview = () => this.#ask<Overview>('GET', '/overview');
  partitions = () => this.#ask<{ partitions: Partition[] }>('GET', '/partitions');
  slow = () => this.#ask<Slow>('GET', '/slow?most=50');
  user = (user: string) => this.#ask<User>('GET', `/users/${encodeURIComponent(user)}`);
  dead = () => this.#ask<Dead>('GET', '/dead');
  requeue = (letters: string[]) => this.#ask<Outcome>('POST', '/dead/requeue', { letters });

  trace(from: string, id: string, to: string): Promise<Trace> {
    const query = new URLSearchParams({ from, id, ...(to !== '' && { to }) });
    return this.#ask('GET', `/trace?${query.toString()}`);
  }

  /** @param device undefined: all */
  disconnect(user: string, device: string | undefined): Promise<{ sessions: Session[] }> {
    return this.#ask('POST', `/users/${encodeURIComponent(user)}/disconnect`, { device, confirm: user });
  }

  revoke(user: string): Promise<{ at: number }> {
    return this.#ask('POST', `/users/${encodeURIComponent(user)}/revoke`, { confirm: user });
  }

  discard(letters: string[]): Promise<Outcome> {
    return this.#ask('POST', '/dead/discard', { letters, confirm: letters.length });
  }

  async #ask<T>(method: string, path: string, body?: object): Promise<T> {
    const { token, operator } = this.#login;
    const response = await fetch(`/api${path}`, {
      method,
      headers: {
        Authorization: `Bearer ${token}`,
        ...(operator !== '' && { 'X-Console-Operator': operator }),
        ...(body && { 'Content-Type': 'application/json' }),
      },
      ...(body && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).catch(unreachable);
    const answer = (await response.json().catch(unreachable)) as unknown;
    if (response.ok) return answer as T;
    const { code, message, advice } = answer as { code: string; message: string; advice: string };
    if (response.status === 401 || response.status === 429) this.#onRefused();
    throw new ApiError(code, message, advice);
  }
}

function unreachable(): never {
  throw new ApiError(
    'no_console',
    'The console does not answer.',
    'See whether it still runs (npm run console, or docker compose ps console).',
  );
}
