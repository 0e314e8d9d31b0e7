import type { DeadLetters } from '#libs/broker/dead-letters.ts';
import { PREFETCH } from './config.ts';
import type { Held, Item } from './held.ts';

/** Most events of a batch (PROTOCOL: Events). */
export const MAX_EVENTS = 100;
/** Longest time that an event waits for others to share its batch, milliseconds. */
export const LINGER_MS = 1_000;

/** Gathers events into batches, in the order in which they come. */
export class Collector {
  readonly #dead: DeadLetters;
  /** Not read yet: what waits takes no more memory than its text. */
  readonly #unread: Held[] = [];
  readonly #items: Item[] = [];
  #woken = Promise.withResolvers<undefined>();
  #stopped = false;

  constructor(dead: DeadLetters) {
    this.#dead = dead;
  }

  add(held: Held): void {
    this.#unread.push(held);
    this.#woken.resolve(undefined);
  }

  stop(): void {
    this.#stopped = true;
    this.#woken.resolve(undefined);
  }

  /** Waits for the next batch. @returns undefined after stop() */
  async next(): Promise<Item[] | undefined> {
    while (!this.#stopped) {
      this.#woken = Promise.withResolvers<undefined>();
      this.#read();
      const [first] = this.#items;
      const waitMs = first ? first.held.arrivedAt + LINGER_MS - performance.now() : 0;
      if (first && (this.#items.length >= MAX_EVENTS || waitMs <= 0 || nothingMoreComes(first)))
        return this.#items.splice(0, MAX_EVENTS);
      const { promise, resolve } = this.#woken;
      const timer = first && setTimeout(() => resolve(undefined), waitMs);
      await promise;
      clearTimeout(timer);
    }
    return undefined;
  }

  #read(): void {
    while (this.#items.length < MAX_EVENTS) {
      const held = this.#unread.shift();
      if (!held) return;
      this.#items.push(...held.read(this.#dead));
    }
  }
}

/** The broker sends nothing more before something is acknowledged. */
const nothingMoreComes = ({ held: { delivery } }: Item) => delivery.source.unfinished >= PREFETCH;
