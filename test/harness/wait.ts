export { until, type UntilOptions } from '../../tools/stack/until.ts';
