import { ClientError } from '../errors.ts';
import type { MessageName } from '../storage.ts';
import type { InboxOptions } from './inbox-options.ts';

/** Seen names are trimmed after this many additions. */
const TRIM_EVERY = 1000;

/** So many times as many are kept while our clock and the server's do not say the same day. */
const MORE_IN_DOUBT = 10;

/** The names of messages that the application has had (PROTOCOL: what a client must do, 4), in the storage. */
export class SeenSet {
  readonly #options: InboxOptions;
  #trimming: Promise<void> | undefined;
  #untrimmed = TRIM_EVERY;

  constructor(options: InboxOptions) {
    this.#options = options;
  }

  /** @returns for each name whether it was seen; undefined when the storage failed */
  async check(names: readonly MessageName[]): Promise<boolean[] | undefined> {
    const { storage, error } = this.#options;
    try {
      return await storage.seen(names);
    } catch (cause) {
      error(new ClientError('storage', 'the storage failed to read the seen set', { cause }));
      return undefined;
    }
  }

  /** A name was added. */
  added(): void {
    if (++this.#untrimmed >= TRIM_EVERY) this.#trim();
  }

  /** A session is there, and with it a second opinion of what day it is. */
  online(): void {
    if (this.#untrimmed >= TRIM_EVERY) this.#trim();
  }

  /** Resolves when nothing of it is at work in the storage. */
  async ended(): Promise<void> {
    await this.#trimming;
  }

  #trim(): void {
    const { server: now, agree } = this.#options.clock.dates();
    if (now === undefined) return; // no session yet, and our own clock may be years ahead
    this.#untrimmed = 0;
    this.#trimming ??= this.#trimSeen(now, agree).finally(() => {
      this.#trimming = undefined;
    });
  }

  async #trimSeen(now: number, agree: boolean): Promise<void> {
    const { storage, seen, error } = this.#options;
    const count = agree ? seen.keepCount : seen.keepCount * MORE_IN_DOUBT;
    try {
      await storage.trimSeen({ count, since: now - seen.keepMs, now });
    } catch (cause) {
      error(new ClientError('storage', 'the storage failed to trim the seen set', { cause }));
    }
  }
}
