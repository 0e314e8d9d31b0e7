/** A client with too much to read may read nothing for this long, milliseconds. */
const STALL_MS = 3_000;

/** Notices that a client has stopped reading. */
export class StallDetector {
  readonly #maxBytes: number;
  /** Since when the client has read nothing of too much, milliseconds; 0 while it reads. */
  #since = 0;
  #bytes = 0;

  /** @param maxBytes more bytes than this, buffered and waiting together, are too much */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** @returns whether the client has read nothing of too much for STALL_MS */
  stalled(buffered: number, waiting: number, now: number): boolean {
    const unread = buffered > 0 && buffered + waiting > this.#maxBytes && buffered >= this.#bytes;
    const since = this.#since;
    this.#bytes = buffered;
    if (unread && since > 0) return now - since >= STALL_MS;
    this.#since = unread ? now : 0;
    return false;
  }
}
