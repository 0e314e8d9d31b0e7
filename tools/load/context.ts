import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { freePort } from '../stack/ports.ts';
import type { ServiceKind } from '../stack/service.ts';
import { Environment } from '../testkit/environment.ts';
import type { Target } from './clients/log-in.ts';
import { LoadGenerators } from './generators.ts';
import type { Over } from './jobs/pairs.ts';
import type { Role } from './meter.ts';
import type { LoadOptions, Size } from './options.ts';
import type { Limit } from './report/points.ts';
import { type Functions, Worker } from './worker.ts';

const SECRET = 'the secret of the load test, long enough for HS256';

/** A benchmark does not measure how the gateway refuses. What is slow shows as latency. */
const NO_LIMITS = {
  CONFIRM_TIMEOUT_MS: '20000',
  RATE_LIMIT_PER_S: '1000000000',
  RATE_BURST: '1000000000',
  SERVICE_RATE_LIMIT_PER_S: '1000000000',
  SERVICE_RATE_BURST: '1000000000',
  MAX_CONNECTIONS: '1000000',
};

/** Services that run. */
export interface Services {
  size: Size;
  target: Target;
  /** All server processes: services, broker and database. */
  roles: Role[];
  gateway: { http: string; pid: number };
  /** Under attack only: the port of the gateway's inspector. */
  inspector: number | undefined;
}

/** What a scenario has to work with. */
export class Context {
  readonly options: LoadOptions;
  /** What the machine can do at most, as far as that was measured. */
  readonly limits: Limit[] = [];
  readonly environment: Environment;
  /** The same for the commit of `--against`, with a broker and a database of its own. */
  other: Context | undefined;
  /** Shows the current step. */
  readonly say: (text: string) => void;
  #services: Services | undefined;

  constructor(environment: Environment, options: LoadOptions, say: (text: string) => void) {
    this.environment = environment;
    this.options = options;
    this.say = say;
  }

  /** @param root work tree of the services; default: this one */
  static async start(
    dataDir: string,
    options: LoadOptions,
    say: (text: string) => void,
    root?: string,
  ): Promise<Context> {
    say('starting broker and database');
    const ground = options.backends;
    return new Context(await Environment.start({ dataDir, secret: SECRET, ground, root }), options, say);
  }

  /** The broker and the database, if they were started here. */
  get backends(): Role[] {
    const { backends } = this.environment;
    const handles = backends ? [...backends.brokers, backends.database] : [];
    return handles.map(({ name, pid }) => ({ name, role: name, pid }));
  }

  /** Services for a benchmark: those that run, unless the size differs or `fresh` ones are asked for. */
  async services(size: Size, { fresh = false } = {}): Promise<Services> {
    const running = this.#services;
    const fits = running?.inspector === undefined && isDeepStrictEqual(running?.size, size);
    return running && fits && !fresh ? running : this.#start(size);
  }

  /** One process of each service, with their default limits, and an inspector for the gateway. */
  async attacked(): Promise<Services> {
    const running = this.#services;
    if (running?.inspector !== undefined) return running;
    return this.#start({ gateways: 1, routing: 1, ack: 1 }, await freePort());
  }

  async #start(size: Size, inspector?: number): Promise<Services> {
    const { environment } = this;
    this.#services = undefined;
    const failures = await environment.stopServices();
    if (failures.length > 0) throw new Error(failures.join('\n'));
    this.say('starting services');
    const kinds = [
      ['gateway', size.gateways],
      ['routing', size.routing],
      ['ack', size.ack],
    ] as const;
    const starts = kinds.flatMap(([kind, count]) =>
      Array.from({ length: count }, (_, n) => environment.addOne(kind, this.#envOf(kind, n + 1, inspector))),
    );
    const roles = (await Promise.all(starts)).map(({ kind, name, pid }) => ({ name, role: kind, pid }));
    const [gateway, ...others] = environment.of('gateway');
    if (!gateway) throw new Error('no gateway was started');
    const urls = [gateway, ...others].map(({ url }) => url);
    const target = { secret: SECRET, urls };
    return (this.#services = { size, target, roles: [...roles, ...this.backends], gateway, inspector });
  }

  #envOf(kind: ServiceKind, n: number, inspector: number | undefined): NodeJS.ProcessEnv {
    const { profiles, outstanding, env } = this.options;
    const isGateway = kind === 'gateway';
    const nodeOptions = [
      ...(profiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${join(profiles, `${kind}-${n}`)}`]),
      ...(inspector !== undefined && isGateway ? [`--inspect=127.0.0.1:${inspector}`] : []),
      ...(env?.['NODE_OPTIONS'] === undefined ? [] : [env['NODE_OPTIONS']]),
    ];
    // The windows of a benchmark are as wide as its load needs them.
    const window = String(Math.max(128, ...outstanding));
    return {
      QUEUE_SETTLE_MS: '0',
      ...(inspector === undefined && { SEND_WINDOW: window, RECEIVE_WINDOW: window }),
      ...(inspector === undefined && isGateway && NO_LIMITS),
      ...env,
      NODE_OPTIONS: nodeOptions.join(' ') || undefined,
    };
  }

  generators(): LoadGenerators {
    return new LoadGenerators(this.options.generators, this.environment.dataDir);
  }

  /** Load generators with pairs of users that are logged in. */
  async pairs(
    { target }: Services,
    {
      pairs = this.options.pairs,
      slowEvery = 0,
      over,
    }: { pairs?: number; slowEvery?: number; over?: Over | undefined } = {},
  ): Promise<LoadGenerators> {
    const { bodyBytes } = this.options;
    const generators = this.generators();
    await generators.connect(pairs, {
      ...target,
      tag: freshTag(),
      body: 'x'.repeat(bodyBytes),
      slowEvery,
      over,
    });
    return generators;
  }

  /** A process that runs a job of `jobs/`. */
  worker<J extends Functions<J>>(job: string, name = 'load'): Worker<J> {
    return new Worker<J>(job, { name, dataDir: this.environment.dataDir });
  }
}

/** For names that no other run and no other scenario uses. */
export const freshTag = (): string => Math.random().toString(36).slice(2, 8);
