export { type Labels, Metrics, readMetrics } from '../../tools/testkit/metrics.ts';
