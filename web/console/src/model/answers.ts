/** What the console's server answers. Times in milliseconds since the epoch. */

export type Buckets = readonly (readonly [le: number | null, count: number])[];

export interface Counters {
  accepted: number;
  confirmed: number;
  live: number;
  stored: number;
  rejected: number;
  errors: number;
  dead: number;
  events: number;
}

export interface Figures {
  memoryBytes: number;
  cpuSeconds: number;
  startedAt: number;
  sessions: number;
  connections: number;
  inflight: number;
  sendBufferBytes: number;
  unackedDeliveries: number;
  brokerConnected: boolean;
  databaseConnected: boolean | null;
  partitions: number[];
  counters: Counters;
  latencies: { accept: Buckets; confirm: Buckets };
}

export interface Part {
  name: string;
  kind: 'gateway' | 'routing' | 'ack' | 'webhook' | 'unknown';
  http: string;
  state: 'ready' | 'not_ready' | 'unreachable';
  reasons: string[];
  figures: Figures | null;
}

export interface Overview {
  at: number;
  parts: Part[];
}

export interface Session {
  device: string;
  session: string;
  gateway: string;
  since: number;
  present: boolean;
}

export interface Device {
  device: string;
  since: number;
  lastSeen: number;
  messages: number;
  receipts: number;
}

export interface User {
  user: string;
  mailbox: {
    messages: number;
    oldestMessage: number | null;
    receipts: number;
    oldestReceipt: number | null;
    senders: { sender: string; messages: number }[];
  };
  sessions: Session[];
  devices: Device[];
}

export interface Partition {
  partition: number;
  queue: string;
  waiting: number;
  consumers: number;
}

export interface Slow {
  sessions: {
    user: string;
    device: string;
    session: string;
    gateway: string;
    messages: number;
    waitingBytes: number;
    unansweredMs: number | null;
    sendBufferBytes: number;
  }[];
  total: number;
  unsettled: number;
  silent: string[];
}

export interface Step {
  t: number;
  who: string;
  step: string;
  details: Record<string, string | number | boolean>;
}

export interface Trace {
  copies: { to: string; device: string | null; storedAt: number }[];
  receipts: { to: string; device: string | null; state: string; reason: string | null; storedAt: number }[];
  /** Null: the console can read no logs. */
  steps: Step[] | null;
}

export interface Letter {
  letter: string;
  reason: string;
  queue?: string;
  at?: number;
  length: number;
  entries: { kind: string; from?: string; to?: string; user?: string; id?: string }[];
  target?: string;
}

export interface Dead {
  letters: Letter[];
  more: boolean;
}

export interface Outcome {
  done: string[];
  failed: { letter: string; reason: string }[];
}
