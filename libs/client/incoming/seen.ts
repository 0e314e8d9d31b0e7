import { ClientError } from '../errors.ts';
import type { MessageName } from '../storage.ts';
import type { InboxOptions } from './inbox-options.ts';

/** Seen names are trimmed once per so many added. */
const TRIM_EVERY = 1000;

/** The names of messages that the application has had (PROTOCOL: what a client must do, 4), in the storage. */
export class Seen {
  readonly #options: InboxOptions;
  #trimming: Promise<void> | undefined;
  #untrimmed = 0;

  constructor(options: InboxOptions) {
    this.#options = options;
  }

  /** @returns for each name whether it was seen; undefined when the storage failed */
  async look(names: readonly MessageName[]): Promise<boolean[] | undefined> {
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
    if (++this.#untrimmed >= TRIM_EVERY) this.trim();
  }

  trim(): void {
    this.#untrimmed = 0;
    this.#trimming ??= this.#trimSeen().finally(() => {
      this.#trimming = undefined;
    });
  }

  /** Resolves when nothing of it is at work in the storage. */
  async ended(): Promise<void> {
    await this.#trimming;
  }

  async #trimSeen(): Promise<void> {
    const { clock, storage, seen, error } = this.#options;
    try {
      await storage.trimSeen({ count: seen.keepCount, since: clock.date() - seen.keepMs });
    } catch (cause) {
      error(new ClientError('storage', 'the storage failed to trim the seen set', { cause }));
    }
  }
}
