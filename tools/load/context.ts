import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { freePort } from '../stack/ports.ts';
import type { Environment, Services } from './environment.ts';
import { LoadGenerators } from './generators.ts';
import type { LoadOptions, Size } from './options.ts';
import type { Limit } from './report/points.ts';
import { type Functions, Worker } from './worker.ts';

/** A benchmark does not measure how the gateway refuses. What is slow shows as latency. */
const NO_LIMITS = {
  CONFIRM_TIMEOUT_MS: '20000',
  RATE_LIMIT_PER_S: '1000000000',
  RATE_BURST: '1000000000',
  MAX_CONNECTIONS: '1000000',
};

/** What a scenario has to work with. */
export class Context {
  readonly options: LoadOptions;
  /** What the machine can do at most, as far as that was measured. */
  readonly limits: Limit[] = [];
  readonly environment: Environment;
  /** Shows the current step. */
  readonly say: (text: string) => void;
  #running: { size: Size; inspector: number | undefined; services: Services } | undefined;

  constructor(environment: Environment, options: LoadOptions, say: (text: string) => void) {
    this.environment = environment;
    this.options = options;
    this.say = say;
  }

  /** Services for a benchmark: those that run, unless the size differs or `fresh` ones are asked for. */
  async services(size: Size, { fresh = false } = {}): Promise<Services> {
    const running = this.#running;
    const fits = running?.inspector === undefined && isDeepStrictEqual(running?.size, size);
    if (running && fits && !fresh) return running.services;
    // Their windows are as wide as the load needs them.
    const window = String(Math.max(128, ...this.options.outstanding));
    return this.#start(size, { SEND_WINDOW: window, RECEIVE_WINDOW: window }, NO_LIMITS);
  }

  /** One process of each service, with their default limits, and the port of the gateway's inspector. */
  async attacked(): Promise<{ services: Services; inspector: number }> {
    if (this.#running?.inspector !== undefined)
      return { services: this.#running.services, inspector: this.#running.inspector };
    const inspector = await freePort();
    const services = await this.#start({ gateways: 1, routing: 1, ack: 1 }, {}, {}, inspector);
    return { services, inspector };
  }

  async #start(size: Size, env: NodeJS.ProcessEnv, gatewayEnv: NodeJS.ProcessEnv, inspector?: number) {
    await this.stopServices();
    this.say('starting services');
    const { profiles } = this.options;
    const nodeOptions = (name: string) =>
      [
        ...(profiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${join(profiles, name)}`]),
        ...(inspector !== undefined && name.startsWith('gateway')
          ? [`--inspect=127.0.0.1:${inspector}`]
          : []),
      ].join(' ') || undefined;
    const services = await this.environment.services(size, {
      env: { ...env, ...this.options.env },
      gatewayEnv,
      nodeOptions,
    });
    this.#running = { size, inspector, services };
    return services;
  }

  async stopServices(): Promise<void> {
    await this.#running?.services.stop();
    this.#running = undefined;
  }

  generators(): LoadGenerators {
    return new LoadGenerators(this.options.generators, this.environment.dataDir);
  }

  /** Load generators with pairs of users that are logged in. */
  async pairs({ target }: Services, slowEvery = 0): Promise<LoadGenerators> {
    const { pairs, bodyBytes } = this.options;
    const generators = this.generators();
    await generators.connect(pairs, { ...target, tag: freshTag(), body: 'x'.repeat(bodyBytes), slowEvery });
    return generators;
  }

  /** A process that runs a job of `jobs/`. */
  worker<J extends Functions<J>>(job: string, name = 'load'): Worker<J> {
    return new Worker<J>(job, { name, dataDir: this.environment.dataDir });
  }
}

/** For names that no other run and no other scenario uses. */
export const freshTag = (): string => Math.random().toString(36).slice(2, 8);
