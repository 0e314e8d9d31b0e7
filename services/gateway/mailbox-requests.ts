import type { Pending } from '#libs/runtime/group-commit.ts';
import type { PageRequest } from './session-backend.ts';

/** A request times out after this long, milliseconds: routing may be gone. Asking again is safe. */
export const PAGE_TIMEOUT_MS = 10_000;
/** Most offline:R that wait for the one under way to be answered; a further one is `rate_limited`. */
export const MAX_WAITING_REQUESTS = 8;

/** The part of the session that its mailbox requests call. */
export interface MailboxRequestsOwner {
  /** Asks routing for a page; `pending` is told when the question is in the broker, or that it cannot be known. */
  requestPage(request: PageRequest, pending: Pending): void;
  /** Tells the client that no page comes. */
  unavailable(): void;
}

/**
 * The offline:R of one session: one is under way at a time, the others wait for its answer. So a session has at most
 * one page in the making, however fast it asks.
 *
 * A page may come after its time is over, or twice (the broker gives the question to somebody else when routing dies).
 * Each question has a number that its page brings back: the first page of each is handed on, and ends only its own.
 */
export class MailboxRequests {
  readonly #owner: MailboxRequestsOwner;
  /** Limits. */
  readonly #waiting: number[] = [];
  #underWay: { limit: number; ask: number; since: number } | undefined;
  #lastAsk = 0;
  #lastAnswered = 0;

  constructor(owner: MailboxRequestsOwner) {
    this.#owner = owner;
  }

  /** @returns false when too many wait already */
  request(limit: number): boolean {
    if (!this.#underWay) this.#start(limit);
    else if (this.#waiting.length < MAX_WAITING_REQUESTS) this.#waiting.push(limit);
    else return false;
    return true;
  }

  /**
   * A page came.
   * @param ask what it answers; a routing instance of an older version does not say it
   * @returns whether it is for the client
   */
  answered(ask = this.#underWay?.ask): boolean {
    if (ask === undefined) return true;
    if (ask <= this.#lastAnswered) return false;
    this.#lastAnswered = ask;
    if (this.#underWay?.ask === ask) this.#next();
    return true;
  }

  /**
   * A page came that holds nothing for the client, while its mailbox holds more: an answer is never empty with `more`
   * (PROTOCOL: offline:N), so the next page takes its place.
   *
   * @param now what has expired by then is left out of the next page
   */
  repeat(now: number, ask = this.#underWay?.ask): void {
    if (ask === undefined || this.#underWay?.ask !== ask) return;
    this.#lastAnswered = ask;
    const { limit, since } = this.#underWay;
    this.#start(limit, since, now);
  }

  /** Gives up on an answer that is late. */
  expire(now = performance.now()): void {
    if (this.#underWay && now - this.#underWay.since >= PAGE_TIMEOUT_MS) this.#failed(this.#underWay.ask);
  }

  /** The queue that answers come through is gone. */
  lost(): void {
    if (this.#underWay) this.#failed(this.#underWay.ask);
  }

  #start(limit: number, since = performance.now(), now?: number): void {
    const ask = ++this.#lastAsk;
    this.#underWay = { limit, ask, since };
    const settled = (error?: Error) => {
      if (error) this.#failed(ask);
    };
    this.#owner.requestPage({ limit, ask, now }, { settled });
  }

  #failed(ask: number): void {
    if (this.#underWay?.ask !== ask) return;
    this.#owner.unavailable();
    this.#next();
  }

  #next(): void {
    this.#underWay = undefined;
    const limit = this.#waiting.shift();
    if (limit !== undefined) this.#start(limit);
  }
}
