import { Counter } from 'prom-client';

const OUTCOMES = ['given', 'limited', 'refused'] as const;

const tokens = new Counter({
  name: 'sixfold_demo_tokens_total',
  help: 'Demo tokens asked for, by outcome',
  labelNames: ['outcome'],
});
for (const outcome of OUTCOMES) tokens.inc({ outcome }, 0);

export const countToken = (outcome: (typeof OUTCOMES)[number]): void => tokens.inc({ outcome });
