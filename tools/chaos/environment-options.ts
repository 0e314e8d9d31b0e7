/** What a chaos run has to start, and how its clients behave. */
export interface EnvironmentOptions {
  /** Decides what the nemesis and the clients do, and when; not what the machine makes of it. */
  seed: number;
  /** Pairs of users; ten have all roles. */
  pairs: number;
  /** Messages a second, of all senders together. */
  rate: number;
  /** Share of the messages on which the receiving application fails, from 0 to 1: the server keeps them. */
  failing: number;
  gateways: number;
  routing: number;
  ack: number;
  /** Processes that the clients live in. */
  clientProcesses: number;
  /** Three broker nodes instead of one. */
  cluster: boolean;
  /** PgBouncer between the services and the database. */
  pooler: boolean;
  /** A broker (with a virtual host) and a database that are there already; they cannot be killed then. */
  ground?: { amqpUrl: string; databaseUrl: string };
  /** Root of the work tree whose services and client library are tested. */
  root: string;
}
