export const CONTROL_WINDOW_MS = 10_000;

/** A client is gone when it sends nothing for this many ping intervals. */
const SILENT_INTERVALS = 2;

/** Watches a client's WebSocket pings and pongs: a silent client is gone, and too many frames are an attack. */
export class ControlFrames {
  readonly #max: number;
  #silentIntervals = 0;
  #count = 0;
  #countedSince = 0;

  /** @param max frames that a client may send within CONTROL_WINDOW_MS */
  constructor(max: number) {
    this.#max = max;
  }

  /** The client sent something. */
  alive(): void {
    this.#silentIntervals = 0;
  }

  /** A ping interval is over. @returns false when the client was silent for too many of them */
  intervalOver(): boolean {
    if (this.#silentIntervals >= SILENT_INTERVALS) return false;
    this.#silentIntervals++;
    return true;
  }

  /** Counts a ping or pong. @returns whether the client sent too many */
  tooMany(now = Date.now()): boolean {
    if (now - this.#countedSince > CONTROL_WINDOW_MS) {
      this.#count = 0;
      this.#countedSince = now;
    }
    return ++this.#count > this.#max;
  }
}
