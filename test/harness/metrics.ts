export { type Labels, Metrics, readMetrics } from '../../tools/stack/metrics.ts';
