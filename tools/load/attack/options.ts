/** What the attackers do. */
export const ATTACKS = ['idle', 'slow-readers', 'flood', 'storm'] as const;
export type AttackName = (typeof ATTACKS)[number];

/** A run of attacks, one after the other. */
export interface AttackOptions {
  attacks: readonly AttackName[];
  /** Connections that idle, and that storm. */
  connections: number;
  /** How often all of them come and vanish. */
  rounds: number;
  /** Clients that flood, and that write to as many that do not read. */
  raiders: number;
  /** Pairs of honest users, whose messages are timed all the while. */
  pairs: number;
  /** How long each attack goes on, and how long the calm before it is timed, seconds. */
  seconds: number;
  /** A broker (with a virtual host) and a database that are there already. */
  ground?: { amqpUrl: string; databaseUrl: string };
  /** On top of the environment of all services. */
  env?: NodeJS.ProcessEnv;
}
