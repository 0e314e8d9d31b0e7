/** A chaos run. */
export interface ChaosOptions<Fault extends string = string> {
  /** How long messages are sent and faults injected. */
  seconds: number;
  /** Decides what the nemesis and the clients do, and when; not how the machine schedules it. */
  seed: number;
  /** Pairs of users; ten have all roles. */
  pairs: number;
  /** Messages a second, of all senders together. */
  rate: number;
  /** Share of the messages on which the receiving application fails, from 0 to 1: the server keeps them. */
  failing: number;
  /** Most messages of a mailbox: small, so that those of users and devices that stay away get full, and no others. */
  quota: number;
  gateways: number;
  routing: number;
  ack: number;
  /** 0: nobody wants events. */
  webhook: number;
  /** Processes that the clients live in. */
  clientProcesses: number;
  /** Real browsers with clients, Chromium and Firefox in turn. */
  browsers: number;
  /** Three broker nodes instead of one. */
  cluster: boolean;
  /** PgBouncer between the services and the database. */
  pooler: boolean;
  /** A broker (with a virtual host) and a database that run already; they cannot be killed then. */
  ground?: { amqpUrl: string; databaseUrl: string };
  faults: readonly Fault[];
  /** Most faults at the same time. */
  atOnce: number;
  /** Only targets whose name contains this text are hurt. */
  only: string;
  /** How long everything may take to come to rest after the last fault, milliseconds. */
  patienceMs: number;
  /** Root of the work tree whose services and client library are tested. */
  root: string;
}
