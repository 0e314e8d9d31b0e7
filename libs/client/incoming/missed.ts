import type { OfflineN } from '../../protocol/packets.ts';
import type { Context } from '../context.ts';

/** Messages that this device did not get. */
export interface Missed {
  /** How many. */
  readonly count: number;
}

/** May be asynchronous. The count is confirmed to the server once it has returned, or its promise resolved. */
export type MissedHandler = (missed: Missed) => unknown;

type Told = NonNullable<OfflineN['missed']>;

/**
 * What the mailbox says this device missed (PROTOCOL: sync, 3). The server says it with each offline:N until its key is
 * confirmed, which follows when the application was told.
 */
export class MissedMessages {
  readonly #context: Context;
  readonly #confirm: (key: string) => unknown;
  #handler: MissedHandler | undefined;
  /** Not told yet. */
  #waiting: Told | undefined;
  #busy = false;
  /** The key that the application was told last. */
  #done: string | undefined;

  constructor(context: Context, confirm: (key: string) => unknown) {
    this.#context = context;
    this.#confirm = confirm;
  }

  get handler(): MissedHandler | undefined {
    return this.#handler;
  }

  set handler(handler: MissedHandler | undefined) {
    this.#handler = handler;
    this.#tell();
  }

  arrived(missed: Told): void {
    if (missed.key === this.#done) this.#confirm(missed.key);
    else {
      this.#waiting = missed;
      this.#tell();
    }
  }

  #tell(): void {
    const missed = this.#waiting;
    const handler = this.#handler;
    if (!missed || !handler || this.#busy) return;
    this.#busy = true;
    this.#waiting = undefined;
    const told = new Promise((resolve) => resolve(handler({ count: missed.count })));
    const end = () => {
      this.#busy = false;
      if (this.#waiting?.key === this.#done) this.#waiting = undefined;
      this.#tell();
    };
    void told
      .then(
        () => {
          this.#done = missed.key;
          this.#confirm(missed.key);
        },
        (cause: unknown) => this.#context.fail('handler', 'the handler failed on missed messages', cause),
      )
      .then(end);
  }
}
