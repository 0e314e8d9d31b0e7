import { hostname } from 'node:os';
import { within } from './backoff.ts';
import { ConfigError, type TracingConfig } from './config.ts';
import { createLogger, type Logger } from './logger.ts';
import { warnOfRemovedSettings } from './removed-settings.ts';
import { traceTo } from './trace.ts';

type Release = () => Promise<void> | void;

/**
 * The resources of a process, in the order of their opening. Each registers its release at once; stop runs the releases
 * in reverse, so that nothing closes before its users do. A second signal forces the exit.
 */
export class Lifecycle {
  readonly #releases: { name: string; release: Release }[] = [];
  readonly #log: Logger;
  readonly #abort = new AbortController();
  #stopping: Promise<void> | undefined;
  /** Milliseconds of performance.now(). */
  #stopBegan = 0;

  constructor(log: Logger) {
    this.#log = log;
  }

  get stopping(): boolean {
    return this.#stopping !== undefined;
  }

  /** Aborted when the stop begins: ends waits of the start. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  onStop(name: string, release: Release): void {
    this.#releases.push({ name, release });
  }

  /** Runs the releases, newest first. A failure is logged; the others still run. */
  stop(): Promise<void> {
    if (!this.stopping) this.#stopBegan = performance.now();
    this.#abort.abort();
    this.#stopping ??= this.#release();
    return this.#stopping;
  }

  /** Waits for the promise, at most until `ms` after the stop began: all releases share one span of time. */
  async inTime(ms: number, promise: Promise<unknown>): Promise<void> {
    await within(Math.max(0, this.#stopBegan + ms - performance.now()), promise);
  }

  async #release(): Promise<void> {
    for (let next = this.#releases.pop(); next; next = this.#releases.pop()) {
      try {
        await next.release();
        this.#log.debug({ resource: next.name }, 'released');
      } catch (error) {
        this.#log.error({ err: error, resource: next.name }, 'release failed');
        process.exitCode = 1;
      }
    }
  }

  /** SIGTERM and SIGINT stop the process in order; a second signal ends it at once. */
  handleSignals(): void {
    const onSignal = (signal: NodeJS.Signals) => {
      if (this.stopping) {
        this.#log.warn({ signal }, 'second signal: forced exit');
        process.exit(1);
      }
      this.#log.info({ signal }, 'stopping');
      void this.stop().then(() => {
        this.#log.info('stopped');
        process.off('SIGTERM', onSignal).off('SIGINT', onSignal);
        exitWhenIdle(this.#log);
      });
    };
    process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  }
}

/** Time for the last log lines, milliseconds: a busy disk stalls for seconds. */
const IDLE_WITHIN_MS = 5_000;

/** After an orderly stop nothing should keep the process alive. Names a leak, and exits. */
function exitWhenIdle(log: Logger): void {
  setTimeout(() => {
    log.error({ resources: process.getActiveResourcesInfo() }, 'something still runs after the stop');
    process.exit(1);
  }, IDLE_WITHIN_MS).unref();
}

/** Arguments of a composition root. */
export interface Context<C> {
  config: C;
  log: Logger;
  lifecycle: Lifecycle;
}

/**
 * Runs a service's composition root. A start that fails says why in one line and exits with 1.
 * An uncaught error is a bug: it is logged, and the process ends, since its state cannot be trusted. Its unacknowledged
 * deliveries are in the broker.
 */
export async function run<C extends { LOG_LEVEL: string } & TracingConfig>(
  service: string,
  readSettings: () => C,
  main: (context: Context<C>) => Promise<void>,
): Promise<void> {
  const config = settings(service, readSettings);
  if (!config) return;
  const log = createLogger(service, config.LOG_LEVEL);
  traceTo(log);
  warnOfRemovedSettings(log);
  const lifecycle = new Lifecycle(log);
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'uncaught');
    process.exit(1);
  });
  lifecycle.handleSignals();
  try {
    await startSpans(service, config, lifecycle, log);
    await main({ config, log, lifecycle });
  } catch (error) {
    if (lifecycle.stopping) return; // told to stop while it waited for something to start
    if (error instanceof ConfigError) log.fatal(error.message);
    else log.fatal({ err: error }, 'start failed');
    process.exitCode = 1;
    await lifecycle.stop();
    exitWhenIdle(log);
  }
}

/** Loads OpenTelemetry's SDK only where tracing is on. Spans are sent last, when the process stops. */
async function startSpans(
  service: string,
  config: TracingConfig & { GATEWAY_ID?: string },
  lifecycle: Lifecycle,
  log: Logger,
): Promise<void> {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_EXPORTER_OTLP_HEADERS: headers = {} } = config;
  if (endpoint === undefined) return;
  const { exportSpans } = await import('./otel.ts');
  const instance = config.GATEWAY_ID ?? `${hostname()}-${process.pid}`;
  const share = config.OTEL_TRACES_SAMPLER_ARG;
  lifecycle.onStop('spans', exportSpans({ service, instance, endpoint, headers, share, log }));
  log.info({ share }, 'messages are traced');
}

/** The operator can mend an invalid setting: the message has no stack. */
function settings<C>(service: string, read: () => C): C | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${service}: ${error.message}\n`);
    process.exitCode = 1;
    return undefined;
  }
}
