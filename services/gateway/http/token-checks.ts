import { LRUCache } from 'lru-cache';
import type { Caller } from './caller.ts';
import { unauthorized, unavailable } from './problems.ts';
import { type Questions, UnansweredError } from './questions.ts';

/**
 * How long an answer of routing is used, milliseconds. Routing tells every gateway of a revocation at once: this bounds
 * how long a gateway that was not told takes a revoked token.
 */
const KEEP_MS = 30_000;
/** Subjects that are remembered at most, about 200 bytes each; the least recently used are forgotten. */
const MAX_SUBJECTS = 50_000;
/** Resolution of the clock, milliseconds. */
const CLOCK_MS = 100;

/** Earlier than every token; also what a token without `iat` counts as. */
const WITHOUT_IAT = -1;

interface Question {
  result: Promise<boolean>;
  /** A revocation came meanwhile: the answer may be older. */
  outdated: boolean;
}

/**
 * Asks routing whether a token is revoked, as a login would (PROTOCOL: revoked). A good answer is remembered: tokens that
 * were issued later are good, too.
 */
export class TokenChecks {
  readonly #questions: Pick<Questions, 'ask'>;
  /** When the earliest token was issued that is known to be good, by subject. */
  readonly #good: LRUCache<string, number>;
  readonly #asked = new Map<string, Question>();

  constructor(questions: Pick<Questions, 'ask'>) {
    this.#questions = questions;
    const perf = { now: () => performance.now() };
    this.#good = new LRUCache({ max: MAX_SUBJECTS, ttl: KEEP_MS, ttlResolution: CLOCK_MS, perf });
  }

  /** @throws Problem 401 for a revoked token, 503 when routing does not answer */
  async check({ sub, issuedAt = WITHOUT_IAT }: Pick<Caller, 'sub' | 'issuedAt'>): Promise<void> {
    const good = this.#good.get(sub);
    if (good !== undefined && issuedAt >= good) return;
    if (await this.#isRevoked(sub, issuedAt)) throw unauthorized('the token is revoked');
  }

  /** An operator has revoked tokens of this subject. */
  revoked(sub: string): void {
    this.#good.delete(sub);
    for (const [key, question] of this.#asked)
      if (key.startsWith(`${sub} `)) {
        question.outdated = true;
        this.#asked.delete(key);
      }
  }

  /** Revocations may be missed from now on: the gateway's queue is gone. */
  forgetAll(): void {
    this.#good.clear();
    for (const question of this.#asked.values()) question.outdated = true;
    this.#asked.clear();
  }

  /** Requests with the same token at the same time ask once. */
  #isRevoked(sub: string, issuedAt: number): Promise<boolean> {
    const key = `${sub} ${issuedAt}`;
    const asked = this.#asked.get(key);
    if (asked) return asked.result;
    const question: Question = { result: Promise.resolve(false), outdated: false };
    question.result = this.#ask(sub, issuedAt)
      .then((revoked) => {
        if (!revoked && !question.outdated) this.#good.set(sub, issuedAt);
        return revoked;
      })
      .finally(() => {
        if (this.#asked.get(key) === question) this.#asked.delete(key);
      });
    this.#asked.set(key, question);
    return question.result;
  }

  async #ask(user: string, issuedAt: number): Promise<boolean> {
    const iat = issuedAt === WITHOUT_IAT ? undefined : issuedAt;
    try {
      const { revoked } = await this.#questions.ask(user, 'answer', (asker) => ({
        kind: 'token',
        user,
        iat,
        ...asker,
      }));
      return revoked === true;
    } catch (error) {
      if (error instanceof UnansweredError)
        throw unavailable('the token cannot be checked now; send it again');
      throw error;
    }
  }
}
