import { Alarm, type Clock } from '../timing/clock.ts';

export interface LivenessOptions {
  readonly clock: Clock;
  /** How long nothing may come before a ping is sent, milliseconds. */
  readonly pingIntervalMs: number;
  /** How long nothing may come after it, milliseconds. */
  readonly pongTimeoutMs: number;
  readonly ping: () => void;
  /** The connection is half open: nobody is at the other end. */
  readonly dead: () => void;
}

/**
 * Notices a connection that is dead without being closed (a lost network, a frozen gateway). Costs one assignment a
 * packet, and one timer.
 */
export class Liveness {
  readonly #options: LivenessOptions;
  readonly #alarm: Alarm;
  #heardAt = 0;
  #pingedAt: number | undefined;

  constructor(options: LivenessOptions) {
    this.#options = options;
    this.#alarm = new Alarm(options.clock, () => this.#look());
  }

  start(): void {
    this.heard();
    this.#pingedAt = undefined;
    this.#alarm.set(this.#heardAt + this.#options.pingIntervalMs);
  }

  stop(): void {
    this.#alarm.clear();
  }

  /** Something came. */
  heard(): void {
    this.#heardAt = this.#options.clock.now();
  }

  #look(): void {
    const { clock, pingIntervalMs, pongTimeoutMs, ping, dead } = this.#options;
    if (this.#pingedAt !== undefined && this.#heardAt < this.#pingedAt) {
      dead();
      return;
    }
    this.#pingedAt = undefined;
    const quietUntil = this.#heardAt + pingIntervalMs;
    if (clock.now() < quietUntil) {
      this.#alarm.set(quietUntil);
      return;
    }
    this.#pingedAt = clock.now();
    this.#alarm.in(pongTimeoutMs);
    ping();
  }
}
