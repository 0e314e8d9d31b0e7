import { Counter } from 'prom-client';

export const spansTotal = new Counter({
  name: 'sixfold_spans_total',
  help: 'Spans of traced messages, by outcome: exported, failed (the collector did not take them) or dropped (too many waited)',
  labelNames: ['outcome'],
});
for (const outcome of ['exported', 'failed', 'dropped']) spansTotal.inc({ outcome }, 0);
