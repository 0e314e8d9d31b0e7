import { Counter } from 'prom-client';

export const actionsTotal = new Counter({
  name: 'sixfold_console_actions_total',
  help: 'What operators asked the console for, by action and outcome: done, or the code of the error',
  labelNames: ['action', 'outcome'],
});

const refusedTotal = new Counter({
  name: 'sixfold_console_refused_total',
  help: 'Requests to the console that were refused: bad_host (not by a loopback name), unauthorized (no or a wrong token) or rate_limited (too many of these)',
  labelNames: ['reason'],
});
const REASONS = ['bad_host', 'unauthorized', 'rate_limited'] as const;
for (const reason of REASONS) refusedTotal.inc({ reason }, 0);

export const countRefused = (reason: (typeof REASONS)[number]): void => refusedTotal.inc({ reason });
