/** Most messages of one mailbox, and of one sender in it; the latter counts only if it is the smaller. */
export interface Quotas {
  mailbox: number;
  sender: number;
}

/** How long a count is valid, milliseconds: another instance may store returned messages meanwhile. */
const VALID_MS = 5_000;
/** Most cached counts. */
const MAX_COUNTS = 20_000;

interface CachedCount {
  free: number;
  /** Milliseconds of performance.now() */
  until: number;
}

type Addressed = readonly { to: string; from: string }[];

/**
 * Caches how many more messages mailboxes can take: the last count, minus messages stored since. Counting thousands
 * takes milliseconds. A mailbox near its quota is counted each time, so that no message is rejected wrongly.
 */
export class QuotaCache {
  readonly quotas: Quotas;
  readonly #validMs: number;
  readonly #counts = new Map<string, CachedCount>();
  /** Milliseconds of performance.now() */
  #forgottenAt = -Infinity;

  constructor(quotas: Quotas, goodForMs = VALID_MS) {
    this.quotas = quotas;
    this.#validMs = goodForMs;
  }

  /** Those of the receivers that have room for all of these messages, as far as is known. */
  receiversWithRoom(messages: Addressed): string[] {
    const tight = new Set<string>();
    for (const [name, { to, count }] of this.#needs(messages)) if (!this.#has(name, count)) tight.add(to);
    return [...new Set(messages.map(({ to }) => to))].filter((to) => !tight.has(to));
  }

  /**
   * @param from whose part of the mailbox was counted; null: all of it
   * @param asked when the count was asked for, milliseconds of performance.now(): the answer may have taken long
   */
  recordCount(to: string, from: string | null, free: number, asked: number): void {
    if (asked <= this.#forgottenAt) return;
    if (this.#counts.size >= MAX_COUNTS) this.#counts.clear();
    this.#counts.set(quotaKey(to, from), { free, until: asked + this.#validMs });
  }

  /** From now on another instance may store for any of them: no count so far is good, nor one that is under way. */
  readonly forget = (): void => {
    this.#forgottenAt = performance.now();
    this.#counts.clear();
  };

  /** They were stored, or were there already. */
  recordStored(messages: Addressed): void {
    for (const [name, { count }] of this.#needs(messages)) {
      const room = this.#counts.get(name);
      if (room) room.free -= count;
    }
  }

  #has(name: string, count: number): boolean {
    const room = this.#counts.get(name);
    return room !== undefined && room.until > performance.now() && room.free >= count;
  }

  /** How much room they need, by the names of mailboxes and of senders' parts. */
  #needs(messages: Addressed): Map<string, { to: string; count: number }> {
    const perSender = this.quotas.sender < this.quotas.mailbox;
    const needs = new Map<string, { to: string; count: number }>();
    for (const { to, from } of messages)
      for (const name of perSender ? [quotaKey(to, null), quotaKey(to, from)] : [quotaKey(to, null)]) {
        const need = needs.get(name);
        if (need) need.count++;
        else needs.set(name, { to, count: 1 });
      }
    return needs;
  }
}

const quotaKey = (to: string, from: string | null) => (from === null ? to : `${to} ${from}`);
