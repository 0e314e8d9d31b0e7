import type { Role } from './meter.ts';

export const SCENARIOS = [
  'closed-loop',
  'open-loop',
  'idle',
  'login-storm',
  'offline-storm',
  'slow-users',
  'scale-out',
  'soak',
] as const;
export type ScenarioName = (typeof SCENARIOS)[number];

/** How many processes of each service. */
export interface Size {
  gateways: number;
  routing: number;
  ack: number;
}

export const sizeOf = ({ gateways, routing, ack }: Size): Size => ({ gateways, routing, ack });

export interface WorldOptions {
  /** A broker (with a virtual host) and a database that are there already; their CPU time is not counted then. */
  ground?: { amqpUrl: string; databaseUrl: string };
  /** On top of the environment of all services. */
  env?: NodeJS.ProcessEnv;
  /** Folder for CPU profiles of the services. */
  profiles?: string | undefined;
}

/** Services that run. */
export interface World {
  readonly size: Size;
  readonly secret: string;
  /** WebSocket addresses of the gateways. */
  readonly urls: string[];
  /** All server processes: services, broker and database. */
  readonly roles: readonly Role[];
  stop(): Promise<void>;
}

/** A run of the benchmark. */
export interface BenchOptions extends Size, WorldOptions {
  scenarios: readonly ScenarioName[];
  /** Measure what the machine can do at most, too. */
  limits: boolean;
  /** For the broker's limit: messages in one AMQP message, one measurement for each. */
  batches: number[];
  pairs: number;
  /** Closed loop: messages that each pair has under way, one measurement for each. */
  outstanding: number[];
  /** Open loop: messages a second, all pairs together, one measurement for each. */
  rates: number[];
  /** Characters in a body. */
  bodyBytes: number;
  /** Of each measurement, and before it. */
  seconds: number;
  warmup: number;
  /** Processes that the pairs live in. */
  generators: number;
  /** Connections that idle, and that storm. */
  connections: number;
  /** How long the idle ones have rested when memory is read, once for each, seconds. */
  rests: number[];
  /** Messages for users who are away. */
  stored: number;
  /** Scale-out: processes of each service, one closed loop for each. */
  sizes: Size[];
  /** Messages a second that go on all the while, when something else is measured: soak, slow users. */
  rate: number;
  /** How long the soak goes on, and how often it is looked at, seconds. */
  soakSeconds: number;
  soakEvery: number;
}
