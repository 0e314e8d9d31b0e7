import type { ChannelModel } from 'amqplib';
import { within } from '#libs/runtime/backoff.ts';
import { repeat } from '#libs/runtime/repeat.ts';
import type { Logger } from '#libs/runtime/logger.ts';
import type { ConnectionSetup } from './broker.ts';
import { suspensionsTotal } from './metrics.ts';

/** Consumers that can be given up, and opened anew on the same connection. */
export interface SuspendableConsumers extends ConnectionSetup {
  /** Closes them; what cannot be finished within a moment goes back to the broker, in order. */
  returnToBroker: () => Promise<void>;
  /** Nothing that they took is still being worked on. */
  readonly idle: boolean;
}

export interface HealthGateOptions {
  consumers: SuspendableConsumers;
  /** Whether the instance can do its work now. Answers within seconds, and does not reject. */
  isHealthy: () => Promise<boolean>;
  /** The consumers could not be opened: the connection has to be set up anew. */
  onLost: () => void;
  log: Logger;
  /** How long the broker may take to get everything back, milliseconds; then the connection is ended, to the same effect. */
  returnWithinMs?: number;
}

/** Between two looks, milliseconds: while all is well, and while it is not. */
const CHECK_EVERY_MS = { well: 2_000, ill: 250 };
/** An instance that could not work for this long, at two looks in a row, gives its work back, milliseconds. */
const UNHEALTHY_MS = 2_000;
/** How long it may take to consume: a queue may be without a leader at this moment, milliseconds. */
const OPEN_WITHIN_MS = 15_000;
/** After this long what was begun is given back as well, milliseconds. */
export const FINISH_WITHIN_MS = 1_000;

/**
 * Consumes for as long as the instance can work. One that cannot (its database is out of reach, or it cannot publish)
 * would keep its deliveries, and everything in its partitions, from the others.
 *
 * - `suspended`, at first: no consumers. As soon as the instance can work, and is done with what it took before: `working`.
 * - `working`: consumers. When it cannot work for UNABLE_MS, it gives everything back: `suspended`.
 *
 * It need not know whether others are well: when none is, nobody consumes, the broker keeps everything, and nothing circles.
 */
export class HealthGate implements ConnectionSetup {
  readonly #options: HealthGateOptions;
  #suspended = true;
  #connection: ChannelModel | undefined;
  #opening: Promise<void> = Promise.resolve();
  /** Looks in a row that found it unable, and when the first of them began, milliseconds of performance.now(). */
  #failures = 0;
  #unhealthySince = 0;

  constructor(options: HealthGateOptions) {
    this.#options = options;
  }

  get suspended(): boolean {
    return this.#suspended;
  }

  readonly open = async (connection: ChannelModel): Promise<void> => {
    this.#connection = connection;
    if (!this.#suspended) await this.#open(connection);
  };

  readonly close = (): void => {
    this.#connection = undefined;
    this.#options.consumers.close();
  };

  /** Looks from now on. @returns stops; resolves when the look under way is over */
  start(): () => Promise<void> {
    return repeat(
      () => (this.#suspended || this.#failures > 0 ? CHECK_EVERY_MS.ill : CHECK_EVERY_MS.well),
      () => this.check(),
    );
  }

  /** One look. */
  async check(): Promise<void> {
    const began = performance.now();
    if (await this.#options.isHealthy()) {
      this.#failures = 0;
      if (this.#suspended && this.#options.consumers.idle) await this.#resume();
      return;
    }
    if (this.#failures++ === 0) this.#unhealthySince = began;
    const unableMs = performance.now() - this.#unhealthySince;
    if (!this.#suspended && this.#failures > 1 && unableMs >= UNHEALTHY_MS) await this.#suspend();
  }

  async #suspend(): Promise<void> {
    const { consumers, onLost, log, returnWithinMs = 5_000 } = this.#options;
    log.warn('cannot work: gives everything back to the broker');
    suspensionsTotal.inc();
    this.#suspended = true;
    const given = this.#opening
      .catch(() => undefined) // what is half open is closed as well
      .then(() => consumers.returnToBroker())
      .then(() => true);
    if (!(await within(returnWithinMs, given))) onLost();
  }

  async #resume(): Promise<void> {
    const { onLost, log } = this.#options;
    log.info('can work: consumes');
    this.#suspended = false;
    const connection = this.#connection;
    if (!connection) return; // its set-up opens them
    try {
      const opened = this.#open(connection).then(() => true);
      if (!(await within(OPEN_WITHIN_MS, opened))) throw new Error('the set-up takes too long');
    } catch (error) {
      log.warn({ err: error }, 'cannot consume');
      if (this.#connection === connection) onLost();
    }
  }

  #open(connection: ChannelModel): Promise<void> {
    this.#opening = this.#options.consumers.open(connection);
    return this.#opening;
  }
}
