import type { ChannelModel } from 'amqplib';
import { within } from '#libs/runtime/backoff.ts';
import { repeat } from '#libs/runtime/repeat.ts';
import type { Logger } from '#libs/runtime/logger.ts';
import type { ConnectionSetup } from './broker.ts';
import { suspensionsTotal } from './metrics.ts';

/** Consumers that can be closed and reopened on the same connection. */
export interface SuspendableConsumers extends ConnectionSetup {
  /** Closes them; what does not finish within FINISH_WITHIN_MS goes back to the broker, in order. */
  returnToBroker: () => Promise<void>;
  /** No earlier delivery is still being handled. */
  readonly idle: boolean;
}

export interface HealthGateOptions {
  consumers: SuspendableConsumers;
  /** Whether the instance can work now. Resolves within seconds, and does not reject. */
  isHealthy: () => Promise<boolean>;
  /** The consumers could not be opened: reset the connection. */
  onLost: () => void;
  log: Logger;
  /** How long the return may take, milliseconds; then the connection is reset, with the same effect. */
  returnWithinMs?: number;
}

/** Interval of checks, milliseconds: while healthy, and while not. */
const CHECK_EVERY_MS = { well: 2_000, ill: 250 };
/** An instance that is unhealthy for this long, in two checks in a row, returns its work, milliseconds. */
const UNHEALTHY_MS = 2_000;
/** How long it may take to start consuming, milliseconds: a queue may have no leader for a while. */
const OPEN_WITHIN_MS = 15_000;
/** After this long started deliveries are returned as well, milliseconds. */
export const FINISH_WITHIN_MS = 1_000;

/**
 * Consumes only while the instance is healthy. An unhealthy one (no database, or no publishing connection) would keep
 * its deliveries and partitions from healthy instances.
 *
 * - `suspended` (initial): no consumers. When healthy, and done with its earlier deliveries: `working`.
 * - `working`: consumes. When unhealthy for UNHEALTHY_MS, it returns everything: `suspended`.
 *
 * It does not depend on other instances: when none is healthy, nobody consumes, and the broker keeps everything.
 */
export class HealthGate implements ConnectionSetup {
  readonly #options: HealthGateOptions;
  #suspended = true;
  #connection: ChannelModel | undefined;
  #opening: Promise<void> = Promise.resolve();
  /** Failed checks in a row, and when the first of them began, milliseconds of performance.now(). */
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

  /** Starts the checks. @returns stops them; resolves when the current check ends */
  start(): () => Promise<void> {
    return repeat(
      () => (this.#suspended || this.#failures > 0 ? CHECK_EVERY_MS.ill : CHECK_EVERY_MS.well),
      () => this.check(),
    );
  }

  /** One health check. */
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
    log.warn('unhealthy: returns all deliveries to the broker');
    suspensionsTotal.inc();
    this.#suspended = true;
    const given = this.#opening
      .catch(() => undefined) // partly opened consumers are closed as well
      .then(() => consumers.returnToBroker())
      .then(() => true);
    if (!(await within(returnWithinMs, given))) onLost();
  }

  async #resume(): Promise<void> {
    const { onLost, log } = this.#options;
    log.info('healthy: consumes');
    this.#suspended = false;
    const connection = this.#connection;
    if (!connection) return; // its setup opens them
    try {
      const opened = this.#open(connection).then(() => true);
      if (!(await within(OPEN_WITHIN_MS, opened))) throw new Error('the setup timed out');
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
