/** A run of the fuzzer. */
export interface FuzzOptions {
  /** How long. */
  seconds: number;
  /** Decides what is sent; not how the machine schedules it. */
  seed: number;
  /** Hostile connections at a time. */
  connections: number;
  /** Forged messages a second; 0 for none. */
  forged: number;
  /** Pairs of honest users. */
  pairs: number;
  /** A recording to send again, instead of anything new. */
  replay?: string;
  /** A broker (with a virtual host) and a database that are there already. */
  ground?: { amqpUrl: string; databaseUrl: string };
  /** Root of the work tree whose services are tested. */
  root: string;
}

export interface FuzzResult {
  /** What is wrong; undefined when nothing was found. */
  fault: string | undefined;
  connections: number;
  /** Of these: connections that speak to the HTTP interface. */
  http: number;
  forged: number;
  buried: number;
  /** Messages of the honest ones, and the longest that one took, milliseconds. */
  delivered: number;
  longestMs: number;
  /** Times that they were told `unavailable`, and sent again: more than a few, and the machine has no time to spare. */
  refused: number;
  /** Logs, data, and the recording of what was sent last; removed when nothing was found. */
  dataDir: string;
}
