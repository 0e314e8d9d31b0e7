import type { Metrics } from '#libs/runtime/metrics-text.ts';

export type Kind = 'gateway' | 'routing' | 'ack' | 'webhook' | 'unknown';

/** Counts of a histogram, each up to `le` seconds, cumulative as Prometheus has them. */
export type Buckets = (readonly [le: number | null, count: number])[];

/** What a process says of itself, as far as the page shows it. */
export interface Figures {
  memoryBytes: number;
  /** Since its start, seconds. */
  cpuSeconds: number;
  /** Start of the process, seconds since the epoch: with another one, counters began anew. */
  startedAt: number;
  sessions: number;
  connections: number;
  inflight: number;
  sendBufferBytes: number;
  unackedDeliveries: number;
  brokerConnected: boolean;
  /** Null in a service without database. */
  databaseConnected: boolean | null;
  /** Route partitions that it is active on. */
  partitions: number[];
  counters: Counters;
  latencies: { accept: Buckets; confirm: Buckets };
}

/** Since the start of the process. */
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

/** A metric that only this service has. */
const MARKS: Record<string, Kind> = {
  sixfold_sessions: 'gateway',
  sixfold_routed_total: 'routing',
  sixfold_webhook_requests_total: 'webhook',
};

export function kindOf(name: string, metrics?: Metrics): Kind {
  const mark = Object.keys(MARKS).find((metric) => metrics?.knows(metric));
  if (mark !== undefined) return MARKS[mark] ?? 'unknown';
  if (metrics?.knows('sixfold_receipts_total')) return 'ack';
  const [named] = /^(gateway|routing|ack|webhook)/.exec(name) ?? [];
  return (named as Kind | undefined) ?? 'unknown';
}

export function figuresOf(metrics: Metrics): Figures {
  const value = metrics.value.bind(metrics);
  return {
    memoryBytes: value('process_resident_memory_bytes'),
    cpuSeconds: value('process_cpu_seconds_total'),
    startedAt: value('process_start_time_seconds'),
    sessions: value('sixfold_sessions'),
    connections: value('sixfold_connections'),
    inflight: value('sixfold_inflight_messages'),
    sendBufferBytes: value('sixfold_send_buffer_bytes'),
    unackedDeliveries: value('sixfold_unacked_deliveries'),
    brokerConnected: value('sixfold_broker_connected') === 1,
    databaseConnected: metrics.knows('sixfold_database_connected')
      ? value('sixfold_database_connected') === 1
      : null,
    partitions: metrics
      .samplesOf('sixfold_partitions_active')
      .filter((sample) => sample.value === 1)
      .map(({ labels }) => Number(labels['partition'])),
    counters: countersOf(metrics),
    latencies: {
      accept: bucketsOf(metrics, 'sixfold_accept_seconds'),
      confirm: bucketsOf(metrics, 'sixfold_confirm_seconds'),
    },
  };
}

function countersOf(metrics: Metrics): Counters {
  const routed = (outcome: string) => metrics.value('sixfold_routed_total', { outcome });
  return {
    accepted: metrics.value('sixfold_accept_seconds_count'),
    confirmed: metrics.value('sixfold_confirm_seconds_count'),
    live: routed('live'),
    stored: routed('stored'),
    rejected: routed('rejected'),
    errors: metrics.value('sixfold_errors_total'),
    dead: metrics.value('sixfold_dead_total'),
    events: metrics.value('sixfold_webhook_events_total', { outcome: 'delivered' }),
  };
}

function bucketsOf(metrics: Metrics, name: string): Buckets {
  return metrics.samplesOf(`${name}_bucket`).map(({ labels, value }) => {
    const le = Number(labels['le']);
    return [Number.isFinite(le) ? le : null, value] as const;
  });
}
