import { Alarm, type Clock } from '../timing/clock.ts';

export interface LivenessOptions {
  readonly clock: Clock;
  /** How long nothing may come before a ping is sent, milliseconds. */
  readonly pingIntervalMs: number;
  /** How long nothing may come after it, milliseconds. */
  readonly pongTimeoutMs: number;
  /** The same, when somebody wants to know now, milliseconds. */
  readonly lookTimeoutMs: number;
  readonly ping: () => void;
  /** The connection is half open: nobody is at the other end. */
  readonly dead: () => void;
}

/**
 * Notices a connection that is dead without being closed (a lost network, a frozen gateway). Costs two assignments a
 * packet, and one timer.
 */
export class Liveness {
  readonly #options: LivenessOptions;
  readonly #alarm: Alarm;
  #heardAt = 0;
  /** A ping was sent, and nothing came since. */
  #asking = false;

  constructor(options: LivenessOptions) {
    this.#options = options;
    this.#alarm = new Alarm(options.clock, () => this.#ring());
  }

  start(): void {
    this.heard();
    this.#alarm.set(this.#heardAt + this.#options.pingIntervalMs);
  }

  stop(): void {
    this.#alarm.clear();
  }

  /** Something came. */
  heard(): void {
    this.#heardAt = this.#options.clock.now();
    this.#asking = false;
  }

  /** Asks now, with a short deadline. One that runs already is not put off. */
  probe(): void {
    const now = this.#options.clock.now();
    const deadline = now + this.#options.lookTimeoutMs;
    const { at } = this.#alarm;
    if (this.#asking && at !== undefined && at > now && at <= deadline) return;
    this.#ask(deadline);
  }

  #ring(): void {
    const { clock, pingIntervalMs, pongTimeoutMs, dead } = this.#options;
    const quietUntil = this.#heardAt + pingIntervalMs;
    if (this.#asking) dead();
    else if (clock.now() < quietUntil) this.#alarm.set(quietUntil);
    else this.#ask(clock.now() + pongTimeoutMs);
  }

  #ask(deadline: number): void {
    this.#asking = true;
    this.#alarm.set(deadline);
    this.#options.ping();
  }
}
