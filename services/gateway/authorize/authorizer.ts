import type { Logger } from '#libs/runtime/logger.ts';
import type { GatewayConfig } from '../config.ts';
import { authorizeRequests, authorizeSeconds } from '../metrics.ts';
import { type AskIfAllowed, createAuthorizeClient } from './authorize-client.ts';
import { DecisionCache } from './decision-cache.ts';

/** `unknown`: the endpoint gave no answer. */
export type Decision = 'allowed' | 'forbidden' | 'unknown';

type OnDecision = (decision: Decision) => void;

export interface AuthorizerOptions {
  ask: AskIfAllowed;
  /** How long a message may wait for its verdict, milliseconds. */
  timeoutMs: number;
  /** Most requests under way. */
  concurrency: number;
  /** How long an answer is used, milliseconds, and most answers that are kept. */
  cacheMs: number;
  cacheEntries: number;
  log: Logger;
}

interface Question {
  pair: string;
  from: string;
  to: string;
  /** When the waiting messages get `unknown`, milliseconds of performance.now(). */
  deadline: number;
  waiting: OnDecision[];
}

/** Text of messages that may wait for verdicts, all sessions together, UTF-16 units; for further ones it is `unknown`. */
const MAX_WAITING = 16 * 1024 * 1024;
/** What a message takes beside its text, about. */
const MESSAGE_WEIGHT = 512;
/** Failures are logged no more often than this, milliseconds. */
const LOG_EVERY_MS = 10_000;

/**
 * Decides whether one user may write to another, as the operator's endpoint says. Makes one request per pair at a time;
 * later messages of the pair wait for it and are decided in order. So the messages of one session to one receiver keep
 * their order (PROTOCOL: G4).
 *
 * Requests start in order of arrival. A request's deadline includes the time it waits to start; requests under way have
 * earlier deadlines, so every request ends by its own.
 */
export class Authorizer {
  readonly #options: AuthorizerOptions;
  readonly #cache: DecisionCache;
  readonly #questions = new Map<string, Question>();
  /** Those that no request was made for yet. */
  #queue: Question[] = [];
  readonly #stop = new AbortController();
  #underWay = 0;
  #waitingWeight = 0;
  #waiting = 0;
  #failures = 0;
  #loggedAt = -Infinity;

  constructor(options: AuthorizerOptions) {
    this.#options = options;
    this.#cache = new DecisionCache(options.cacheMs, options.cacheEntries);
  }

  /** Messages that wait for a verdict. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Answers that are kept. */
  get cached(): number {
    return this.#cache.size;
  }

  /**
   * @param onDecision called once: at once if the answer is known, else with the operator's
   * @param yields to messages: `unknown` while half of the possible requests are under way
   */
  decide(
    { from, to, bodyText }: { from: string; to: string; bodyText: string },
    onDecision: OnDecision,
    yields = false,
  ): void {
    const pair = `${from} ${to}`;
    const known = this.#cache.get(pair);
    if (known !== undefined) {
      onDecision(known ? 'allowed' : 'forbidden');
      return;
    }
    const busy = yields && this.#underWay >= this.#options.concurrency / 2;
    const release = busy ? undefined : this.reserve(bodyText);
    if (!release) {
      onDecision('unknown');
      return;
    }
    this.#question(pair, from, to).waiting.push((decision) => {
      release();
      onDecision(decision);
    });
  }

  /** Reserves room for a message that waits. @returns releases it; undefined: there is none */
  reserve(bodyText: string): (() => void) | undefined {
    const weight = bodyText.length + MESSAGE_WEIGHT;
    if (this.#waitingWeight + weight > MAX_WAITING || this.#stop.signal.aborted) return undefined;
    this.#waiting++;
    this.#waitingWeight += weight;
    return () => {
      this.#waiting--;
      this.#waitingWeight -= weight;
    };
  }

  /** Makes no further request; waiting messages get `unknown`. */
  stop(): void {
    this.#stop.abort(new Error('the gateway stops'));
  }

  #question(pair: string, from: string, to: string): Question {
    let question = this.#questions.get(pair);
    if (!question) {
      question = { pair, from, to, deadline: performance.now() + this.#options.timeoutMs, waiting: [] };
      this.#questions.set(pair, question);
      this.#queue.push(question);
      this.#next();
    }
    return question;
  }

  #next(): void {
    while (this.#underWay < this.#options.concurrency) {
      const question = this.#queue.shift();
      if (!question) return;
      void this.#ask(question);
    }
  }

  async #ask(question: Question): Promise<void> {
    this.#underWay++;
    const decision = await this.#decision(question);
    this.#underWay--;
    this.#questions.delete(question.pair);
    if (decision !== 'unknown') this.#cache.set(question.pair, decision === 'allowed');
    for (const onDecision of question.waiting) onDecision(decision);
    this.#next();
  }

  async #decision({ from, to, deadline }: Question): Promise<Decision> {
    const { ask, timeoutMs } = this.#options;
    const began = performance.now();
    try {
      if (began >= deadline) throw new Error('no place became free in time');
      const left = AbortSignal.timeout(Math.ceil(deadline - began));
      const allowed = await ask(from, to, AbortSignal.any([left, this.#stop.signal]));
      authorizeRequests.inc({ outcome: allowed ? 'allow' : 'deny' });
      authorizeSeconds.observe((performance.now() - began) / 1_000);
      return allowed ? 'allowed' : 'forbidden';
    } catch (error) {
      authorizeRequests.inc({ outcome: 'failed' });
      this.#failed(error, timeoutMs);
      return 'unknown';
    }
  }

  #failed(error: unknown, timeoutMs: number): void {
    this.#failures++;
    if (this.#stop.signal.aborted || performance.now() - this.#loggedAt < LOG_EVERY_MS) return;
    const { log } = this.#options;
    log.warn(
      { err: error, failures: this.#failures, timeoutMs },
      'the authorization endpoint gave no answer',
    );
    this.#loggedAt = performance.now();
    this.#failures = 0;
  }
}

/** Most requests at a time; further pairs wait their turn. */
const CONCURRENCY = 64;
/** Most answers that are kept, about 10 MB of them; the oldest makes room. */
const CACHE_ENTRIES = 50_000;

/** Undefined without AUTHORIZE_URL: everybody may write to everybody. */
export function createAuthorizer(config: GatewayConfig, log: Logger): Authorizer | undefined {
  if (config.AUTHORIZE_URL === undefined) return undefined;
  return new Authorizer({
    ask: createAuthorizeClient(config.AUTHORIZE_URL),
    timeoutMs: config.AUTHORIZE_TIMEOUT_MS,
    concurrency: CONCURRENCY,
    cacheMs: config.AUTHORIZE_CACHE_MS,
    cacheEntries: CACHE_ENTRIES,
    log,
  });
}
