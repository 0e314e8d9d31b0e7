import { dropSignals } from './metrics.ts';

/** An AMQP message with signals, not parsed yet. */
export interface SignalBatch {
  content: Buffer;
  /** Signals in it, as its publisher counted them. */
  count: number;
}

export interface SignalInboxOptions {
  /** Handles AMQP messages. A failure drops them. */
  handle: (contents: readonly Buffer[]) => void | Promise<void>;
  now?: () => number;
  pause?: (ms: number) => Promise<void>;
}

/** Most bytes that wait; the oldest are dropped. */
export const MAX_WAITING_BYTES = 2 * 1024 * 1024;
/** Longest wait, milliseconds. */
export const MAX_AGE_MS = 5_000;
/** Bytes that are handled without a pause. */
const BATCH_BYTES = 64 * 1024;
/** After each batch, signals leave the process to others for this many times as long as the batch took. */
const PAUSE_FACTOR = 2;

/**
 * Takes signals as they come and handles them one batch at a time, in a third of the time at most: a flood of signals
 * delays no message. What is too much or too old is dropped unread.
 */
export class SignalInbox {
  readonly #handle: SignalInboxOptions['handle'];
  readonly #now: () => number;
  readonly #pause: (ms: number) => Promise<void>;
  #waiting: (SignalBatch & { at: number })[] = [];
  #bytes = 0;
  #busy = false;

  constructor({ handle, now = () => performance.now(), pause = sleep }: SignalInboxOptions) {
    this.#handle = handle;
    this.#now = now;
    this.#pause = pause;
  }

  receive(batch: SignalBatch): void {
    this.#waiting.push({ ...batch, at: this.#now() });
    this.#bytes += batch.content.length;
    while (this.#bytes > MAX_WAITING_BYTES) dropSignals(this.#shift());
    if (!this.#busy) void this.#work();
  }

  async #work(): Promise<void> {
    this.#busy = true;
    while (this.#waiting.length > 0) {
      const began = this.#now();
      const batch = this.#next(began);
      try {
        await this.#handle(batch.map(({ content }) => content));
      } catch {
        dropSignals(batch.reduce((sum, { count }) => sum + count, 0)); // the database is away: nothing is kept
      }
      await this.#pause(PAUSE_FACTOR * (this.#now() - began));
    }
    this.#busy = false;
  }

  #next(now: number): SignalBatch[] {
    const batch: SignalBatch[] = [];
    for (let bytes = 0; bytes < BATCH_BYTES;) {
      const [oldest] = this.#waiting;
      if (!oldest) break;
      const { content, at } = oldest;
      const count = this.#shift();
      if (now - at > MAX_AGE_MS) dropSignals(count);
      else {
        batch.push({ content, count });
        bytes += content.length;
      }
    }
    return batch;
  }

  /** Takes the oldest out. @returns its count */
  #shift(): number {
    const oldest = this.#waiting.shift();
    this.#bytes -= oldest?.content.length ?? 0;
    return oldest?.count ?? 0;
  }
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
