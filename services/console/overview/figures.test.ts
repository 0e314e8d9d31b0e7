import { expect, test } from 'vitest';
import { Metrics } from '#libs/runtime/metrics-text.ts';
import { figuresOf, kindOf } from './figures.ts';

const text = `
# TYPE sixfold_sessions gauge
sixfold_sessions 7
process_resident_memory_bytes 123
sixfold_broker_connected 1
sixfold_errors_total{code="bad_packet"} 2
sixfold_errors_total{code="unavailable"} 3
sixfold_partitions_active{partition="3"} 1
sixfold_partitions_active{partition="5"} 0
sixfold_accept_seconds_bucket{le="0.01"} 4
sixfold_accept_seconds_bucket{le="+Inf"} 6
sixfold_accept_seconds_count 6
`;

test('the figures of a process, out of its metrics', () => {
  expect(figuresOf(new Metrics(text))).toMatchObject({
    ...{ sessions: 7, memoryBytes: 123, brokerConnected: true, databaseConnected: null, partitions: [3] },
    counters: { accepted: 6, errors: 5, dead: 0 },
    latencies: {
      accept: [
        [0.01, 4],
        [null, 6],
      ],
      confirm: [],
    },
  });
});

test.each([
  ['10.0.0.1', '# TYPE sixfold_sessions gauge', 'gateway'],
  ['gateway-1', '# TYPE sixfold_routed_total counter', 'routing'],
  ['x', '# TYPE sixfold_receipts_total counter', 'ack'],
  ['webhook-2', undefined, 'webhook'],
  ['x', '', 'unknown'],
])('%s with %j is %s', (name, metrics, kind) => {
  expect(kindOf(name, metrics === undefined ? undefined : new Metrics(metrics))).toBe(kind);
});
