import { InvalidArgumentError } from 'commander';
import { integer } from '../integer.ts';

export const BENCHMARKS = [
  'closed-loop',
  'open-loop',
  'idle',
  'login-storm',
  'offline-storm',
  'slow-users',
  'scale-out',
  'soak',
] as const;
/** Scenarios that run only when named. */
export const COMPARISONS = ['compare', 'http'] as const;
export const ATTACKS = [
  'attack-idle',
  'attack-slow-readers',
  'attack-flood',
  'attack-lists',
  'attack-devices',
  'attack-storm',
] as const;
export type ScenarioName = (typeof BENCHMARKS | typeof ATTACKS | typeof COMPARISONS)[number];

/** Number of processes of each service. */
export interface Size {
  gateways: number;
  routing: number;
  ack: number;
}

/** Integers separated by commas. */
const integers = (min: number, max: number) => (text: string) =>
  text
    .split(',')
    .filter((part) => part !== '')
    .map(integer(min, max));

const sizes = (text: string): Size[] =>
  text.split(',').map((size) => {
    const [gateways, routing, ack, ...rest] = size.split('+').map(integer(1, 20));
    if (gateways === undefined || routing === undefined || ack === undefined || rest.length > 0)
      throw new InvalidArgumentError('It must be as in 2+1+1: gateways, routing and ack.');
    return { gateways, routing, ack };
  });

/** Placeholder, meaning, default and parser of an option. */
const option = <T>(argument: string, what: string, fallback: string, parse: (text: string) => T) => ({
  argument,
  what,
  fallback,
  parse,
});

/** By their names in camel case. */
export const OPTIONS = {
  pairs: option('n', 'pairs of users', '100', integer(1, 10_000)),
  outstanding: option(
    'n,…',
    'closed loop: messages that each pair has under way',
    '1,10,40',
    integers(1, 10_000),
  ),
  rates: option(
    'n,…',
    'open loop: messages a second, of all pairs together',
    '500,1000,2000',
    integers(1, 1_000_000),
  ),
  bodyBytes: option('n', 'length of a message', '100', integer(0, 32_768)),
  seconds: option('n', 'of each measurement', '10', integer(1, 86_400)),
  warmup: option('n', 'seconds before it', '3', integer(0, 3_600)),
  gateways: option('n', 'processes', '2', integer(1, 20)),
  routing: option('n', 'processes', '1', integer(1, 20)),
  ack: option('n', 'processes', '1', integer(1, 20)),
  generators: option('n', 'processes that the users live in', '1', integer(1, 20)),
  connections: option('n', 'that idle, and that storm', '5000', integer(1, 100_000)),
  rests: option('n,…', 'idle: seconds after which memory is read', '10,180', (text) =>
    integers(0, 3_600)(text).sort((a, b) => a - b),
  ),
  stored: option('n', 'offline storm: messages', '100000', integer(1, 500_000)),
  rate: option('n', 'soak, slow users, limits: messages a second', '1000', integer(1, 1_000_000)),
  soakSeconds: option('n', 'soak: how long', '60', integer(1, 86_400)),
  soakEvery: option('n', 'soak: seconds between two measurements', '10', integer(1, 3_600)),
  sizes: option('g+r+a,…', 'scale-out: gateways, routing and ack', '1+1+1,2+2+1,3+3+1,4+4+1', sizes),
  batches: option('n,…', "broker's limit: messages in one AMQP message", '1,32', integers(1, 1_000)),
  attackers: option('n', 'attacks: that flood, and that write to slow readers', '40', integer(1, 10_000)),
  rounds: option('n', 'attacks: storms', '3', integer(1, 1_000)),
  honestPairs: option('n', 'attacks: pairs of honest users', '10', integer(1, 1_000)),
  turns: option('n', 'compare, http: measurements of each', '3', integer(1, 100)),
  attackSeconds: option('n', 'of each attack, and of the calm before it', '20', integer(1, 3_600)),
};

/** Values of these options. */
export type Values = { [K in keyof typeof OPTIONS]: ReturnType<(typeof OPTIONS)[K]['parse']> };

/** A broker (with a virtual host) and a database. */
export interface Backends {
  amqpUrl: string;
  databaseUrl: string;
}

export interface LoadOptions extends Values {
  scenarios: readonly ScenarioName[];
  /** Measure what the machine can do at most, before benchmarks. */
  limits: boolean;
  /** Existing ones; their CPU time is not counted then. */
  backends?: Backends;
  /** On top of the environment of all services. */
  env?: NodeJS.ProcessEnv;
  /** compare: a commit of this repository to measure as well. */
  against?: string | undefined;
  /** Folder for CPU profiles of the services. */
  profiles?: string | undefined;
}

export const sizeOf = ({ gateways, routing, ack }: Size): Size => ({ gateways, routing, ack });

/** The values that options have unless the command line says otherwise. */
export const DEFAULTS = Object.fromEntries(
  Object.entries(OPTIONS).map(([name, { parse, fallback }]) => [name, parse(fallback)]),
) as unknown as Values;
