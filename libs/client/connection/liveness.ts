import type { Context } from '../context.ts';
import { Alarm } from '../timing/clock.ts';

/** `ping` sends a ping; `dead` is called when nothing came after it. */
type Ports = Readonly<Record<'ping' | 'dead', () => void>>;

/**
 * Notices a connection that is dead without being closed (a lost network, a frozen gateway). Costs two assignments a
 * packet, and one timer.
 */
export class Liveness {
  readonly #context: Context;
  readonly #ports: Ports;
  readonly #alarm: Alarm;
  #heardAt = 0;
  /** A ping was sent, and nothing came since. */
  #asking = false;

  constructor(context: Context, ports: Ports) {
    this.#context = context;
    this.#ports = ports;
    this.#alarm = new Alarm(context.clock, () => this.#ring());
  }

  start(): void {
    this.heard();
    this.#alarm.in(this.#context.tuning.pingIntervalMs);
  }

  stop(): void {
    this.#alarm.clear();
  }

  /** Something came. */
  heard(): void {
    this.#heardAt = this.#context.clock.now();
    this.#asking = false;
  }

  /** Asks now, with a short deadline. One that runs already is not put off. */
  probe(): void {
    const { clock, tuning } = this.#context;
    const { at = 0 } = this.#alarm;
    const waitMs = at - clock.now();
    if (!(this.#asking && waitMs > 0 && waitMs <= tuning.lookTimeoutMs)) this.#ask(tuning.lookTimeoutMs);
  }

  #ring(): void {
    const { clock, tuning } = this.#context;
    const quietUntil = this.#heardAt + tuning.pingIntervalMs;
    if (this.#asking) this.#ports.dead();
    else if (clock.now() < quietUntil) this.#alarm.set(quietUntil);
    else this.#ask(tuning.pongTimeoutMs);
  }

  #ask(timeoutMs: number): void {
    this.#asking = true;
    this.#alarm.in(timeoutMs);
    this.#ports.ping();
  }
}
