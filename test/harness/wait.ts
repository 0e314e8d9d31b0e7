export { until } from '../../tools/stack/until.ts';
