import type { OfflineN } from '#libs/protocol/server-packets.ts';
import { Backoff, type BackoffOptions } from '../timing/backoff.ts';
import { Alarm, type Clock } from '../timing/clock.ts';
import type { Confirm } from './inbox.ts';

/** Most keys of one offline:A, and most entries of one offline:R (PROTOCOL: packets, client to server). */
const MAX_ENTRIES = 500;

export interface PullOptions {
  readonly clock: Clock;
  readonly random: () => number;
  /** How many entries to ask for at a time. */
  readonly limit: number;
  /** How long to wait for the offline:N, milliseconds. */
  readonly timeoutMs: number;
  /** Pauses before asking again after a refusal, or when the application could not take an entry. */
  readonly retry: BackoffOptions;
  readonly ask: (limit: number) => void;
  readonly confirmKeys: (keys: string[]) => void;
  /** Is there anybody to hand messages to? */
  readonly canHand: () => boolean;
  readonly message: (message: OfflineN['messages'][number], confirm: Confirm) => void;
  readonly receipt: (receipt: OfflineN['receipts'][number], confirm: Confirm) => void;
  /** Called when the mailbox was read as far as it can be now. */
  readonly through: () => void;
}

/**
 * Empties the mailbox (PROTOCOL: what a client must do, 5): after every login, at a hint, and while there is more; one
 * pull at a time. An entry is confirmed once the application has it; what it could not take stays in the mailbox and
 * is asked for again after a while.
 */
export class Pull {
  readonly #options: PullOptions;
  readonly #alarm: Alarm;
  readonly #backoff: Backoff;
  #online = false;
  /** Counts connections: what was read from one is not confirmed on another. */
  #connection = 0;
  /** An offline:R has no answer yet. */
  #asked = false;
  /** Batches under way to the application. */
  #batches = 0;
  /** A hint came meanwhile. */
  #again = false;
  #leftover = false;

  constructor(options: PullOptions) {
    this.#options = options;
    this.#alarm = new Alarm(options.clock, () => this.#ask());
    this.#backoff = new Backoff(options.retry, options.random);
  }

  online(): void {
    this.offline();
    this.#online = true;
    this.#ask();
  }

  offline(): void {
    this.#online = false;
    this.#connection++;
    this.#asked = false;
    this.#again = false;
    this.#batches = 0;
    this.#alarm.clear();
    this.#backoff.reset();
  }

  /** Asks no more; what was read already is still confirmed. */
  drain(): void {
    this.#online = false;
    this.#alarm.clear();
  }

  /** offline:N came: the answer, a hint (empty lists and `more`), or an answer that was given up on. */
  arrived({ messages, receipts, more }: OfflineN): void {
    if (messages.length + receipts.length === 0 && more) {
      this.#hinted();
      return;
    }
    this.#asked = false;
    this.#alarm.clear();
    this.#batches++;
    const connection = this.#connection;
    const keys: string[] = [];
    let open = messages.length + receipts.length + 1;
    const settle = (key?: string) => {
      if (key !== undefined) keys.push(key);
      if (--open === 0)
        this.#finish(connection, keys, { more, left: messages.length + receipts.length - keys.length });
    };
    for (const message of messages)
      this.#options.message(message, (ok) => settle(ok ? message.key : undefined));
    for (const receipt of receipts)
      this.#options.receipt(receipt, (ok) => settle(ok ? receipt.key : undefined));
    settle(); // an empty mailbox, too, is a batch
  }

  /** Somebody is there now to take messages: what was left in the mailbox for want of it is asked for. */
  handlerSet(): void {
    if (this.#leftover) this.#hinted();
  }

  /** The server refused the offline:R: asked again after a while. */
  refused(): void {
    this.#asked = false;
    this.#askLater();
  }

  /** The server refused an offline:A. It is not sent again; its entries come again, and are confirmed then. */
  confirmRefused(): void {
    if (!this.#asked) this.#askLater();
  }

  /** Something is in the mailbox. */
  #hinted(): void {
    if (this.#asked) this.#again = true;
    else this.#ask();
  }

  #ask(): void {
    if (!this.#online) return;
    if (this.#batches > 0) {
      this.#again = true;
      return;
    }
    this.#asked = true;
    this.#again = false;
    this.#alarm.in(this.#options.timeoutMs);
    // What could not be handed on is at the head of the mailbox: look beyond it.
    this.#options.ask(this.#leftover ? MAX_ENTRIES : this.#options.limit);
  }

  #askLater(): void {
    if (this.#online) this.#alarm.in(this.#backoff.next());
  }

  #finish(connection: number, keys: string[], { more, left }: { more: boolean; left: number }): void {
    if (connection !== this.#connection) return;
    this.#batches--;
    for (let start = 0; start < keys.length; start += MAX_ENTRIES) {
      this.#options.confirmKeys(keys.slice(start, start + MAX_ENTRIES));
    }
    this.#leftover = left > 0;
    if (!this.#leftover) this.#backoff.reset();
    if (this.#again || (more && !this.#leftover)) {
      this.#ask();
      return;
    }
    if (this.#leftover && this.#options.canHand()) this.#askLater();
    this.#options.through();
  }
}
