import type { Role } from './meter.ts';

export const SCENARIOS = ['closed-loop', 'open-loop'] as const;
export type ScenarioName = (typeof SCENARIOS)[number];

/** How many processes of each service. */
export interface Size {
  gateways: number;
  routing: number;
  ack: number;
}

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
  pairs: number;
  /** Messages that each pair has under way in a closed loop. */
  outstanding: number[];
  /** Messages a second of the open loop, all pairs together. */
  rates: number[];
  /** Characters in a body. */
  bodyBytes: number;
  /** Of each measurement, and before it. */
  seconds: number;
  warmup: number;
  /** Processes that the users live in. */
  generators: number;
}
