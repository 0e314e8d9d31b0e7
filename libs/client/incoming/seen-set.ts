import type { Context } from '../context.ts';
import type { MessageName } from '../storage.ts';

/** Seen names are trimmed after this many additions. */
const TRIM_EVERY = 1000;

/** Keep this many times more names while the client's clock and the server's differ by a day or more. */
const MORE_IN_DOUBT = 10;

/** The names of messages that the application has had (PROTOCOL: what a client must do, 4), in the storage. */
export class SeenSet {
  readonly #context: Context;
  #asked: { name: MessageName; then: (seen: boolean | undefined) => void }[] = [];
  #checking: Promise<void> | undefined;
  #trimming: Promise<void> | undefined;
  #untrimmed = TRIM_EVERY;

  constructor(context: Context) {
    this.#context = context;
  }

  /**
   * Looks a name up: one read of the storage for all that come meanwhile.
   *
   * @param then called with whether it was seen; with undefined when the storage failed
   */
  check(name: MessageName, then: (seen: boolean | undefined) => void): void {
    this.#asked.push({ name, then });
    this.#checking ??= this.#check();
  }

  /** A name was added. */
  added(): void {
    this.#untrimmed++;
    this.trim();
  }

  /** Forgets old names when there are enough new ones. The server's clock decides what is old. */
  trim(): void {
    const { clock, tuning } = this.#context;
    const { server: now, agree } = clock.dates();
    // Without a session yet, there is only our own clock, and it may be years ahead.
    if (this.#untrimmed < TRIM_EVERY || now === undefined) return;
    const { keepCount, keepMs } = tuning.seen;
    const count = agree ? keepCount : keepCount * MORE_IN_DOUBT;
    this.#untrimmed = 0;
    this.#trimming ??= this.#attempt('trim', (storage) =>
      storage.trimSeen({ count, since: now - keepMs, now }),
    ).finally(() => {
      this.#trimming = undefined;
    });
  }

  /** Resolves when nothing of it is at work in the storage. */
  async ended(): Promise<void> {
    await this.#checking;
    await this.#trimming;
  }

  async #check(): Promise<void> {
    await Promise.resolve(); // names of the same turn go together
    while (this.#asked.length > 0) {
      const batch = this.#asked.splice(0);
      const names = batch.map(({ name }) => name);
      const seen = await this.#attempt('read', (storage) => storage.seen(names));
      batch.forEach(({ then }, index) => then(seen?.[index]));
    }
    this.#checking = undefined;
  }

  async #attempt<T>(verb: string, call: (storage: Context['storage']) => Promise<T>): Promise<T | undefined> {
    const { storage, fail } = this.#context;
    try {
      return await call(storage);
    } catch (cause) {
      fail('storage', `the storage failed to ${verb} the seen set`, cause);
      return undefined;
    }
  }
}
