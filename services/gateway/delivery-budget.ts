import type { Delivery } from '#libs/broker/delivery.ts';

export interface DeliveryLimits {
  /** Most deliveries: beyond it the broker sends nothing more. */
  prefetch: number;
  /** Most bytes of deliveries. */
  bytes: number;
}

/** Called when clients, or the return to the mailbox, do not keep up. */
export interface FlowControl {
  /** Reads nothing more from the broker, or goes on. */
  pause(paused: boolean): void;
  /** Leaves every delivery to the heirs and begins a new incarnation. */
  handOver(why: string): void;
}

/** Shares of the limits from which on the oldest deliveries go back, and share of those that do. */
const HIGH_WATER = { deliveries: 0.9, bytes: 0.6 };
const SHED_SHARE = 0.1;
/** Share of the bytes from which on nothing more is read; what was being read then has room above it, at least this much. */
const PAUSE = 0.8;
const HEADROOM_BYTES = 512 * 1024;
/** After a pause of this length nothing will make room any more, milliseconds. */
export const STALLED_MS = 5_000;

/**
 * Bounds the unsettled deliveries. When one step does not help, the next one follows:
 * 1. shed: the oldest messages return to the mailbox (`sixfold.returned`);
 * 2. pause: the gateway reads nothing more from the broker;
 * 3. overflow: the broker gives all deliveries to the heirs.
 */
export class DeliveryBudget {
  readonly #limits: DeliveryLimits;
  readonly #flowControl: FlowControl;
  readonly #deliveries = new Set<Delivery>();
  /** Deliveries whose messages are returning to the mailbox. */
  readonly #shed = new Set<Delivery>();
  #bytes = 0;
  #pausedAt: number | undefined;
  #overflowed = false;

  constructor(limits: DeliveryLimits, flowControl: FlowControl) {
    this.#limits = limits;
    this.#flowControl = flowControl;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** @returns false when there is no room: the caller must not touch the delivery, the heirs get it */
  fits({ bytes }: Delivery): boolean {
    if (this.#deliveries.size > 0 && this.#bytes + bytes > this.#limits.bytes)
      this.#overflow('unsettled deliveries are at the limit of their bytes');
    return !this.#overflowed;
  }

  add(delivery: Delivery, now = performance.now()): void {
    this.#deliveries.add(delivery);
    this.#bytes += delivery.bytes;
    if (this.#pausedAt !== undefined || this.#bytes < this.#pauseBytes) return;
    this.#pausedAt = now;
    this.#flowControl.pause(true);
  }

  settled(delivery: Delivery): void {
    if (!this.#deliveries.delete(delivery)) return;
    this.#shed.delete(delivery);
    this.#bytes -= delivery.bytes;
    if (this.#pausedAt === undefined || this.#bytes >= this.#pauseBytes) return;
    this.#pausedAt = undefined;
    this.#flowControl.pause(false);
  }

  /** @returns the oldest deliveries whose messages must return to the mailbox now; each delivery only once */
  oldestToShed(now = performance.now()): ReadonlySet<Delivery> {
    const oldest = new Set<Delivery>();
    if (this.#pausedAt !== undefined && now - this.#pausedAt >= STALLED_MS)
      this.#overflow('unsettled deliveries are not getting fewer');
    if (this.#overflowed || !this.#full) return oldest;
    const count = Math.ceil(this.#deliveries.size * SHED_SHARE);
    for (const delivery of this.#deliveries) {
      if (oldest.size === count) break;
      if (this.#shed.has(delivery)) continue;
      this.#shed.add(delivery);
      oldest.add(delivery);
    }
    return oldest;
  }

  /** The heirs have the deliveries. The paused connection is gone as well. */
  clear(): void {
    this.#deliveries.clear();
    this.#shed.clear();
    this.#bytes = 0;
    this.#pausedAt = undefined;
    this.#overflowed = false;
  }

  get #pauseBytes(): number {
    return Math.min(this.#limits.bytes * PAUSE, this.#limits.bytes - HEADROOM_BYTES);
  }

  get #full(): boolean {
    const { prefetch, bytes } = this.#limits;
    return (
      this.#deliveries.size >= prefetch * HIGH_WATER.deliveries ||
      this.#bytes >= Math.min(bytes * HIGH_WATER.bytes, this.#pauseBytes)
    );
  }

  #overflow(why: string): void {
    if (this.#overflowed) return;
    this.#overflowed = true;
    this.#flowControl.handOver(why);
  }
}
