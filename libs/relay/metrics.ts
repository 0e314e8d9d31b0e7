import { Counter } from 'prom-client';

export { receiptsTotal } from '#libs/broker/receipt-metrics.ts';

export const eventsAdopted = new Counter({
  name: 'sixfold_events_adopted_total',
  help: 'Events that an instance left in the outbox and another one took over',
});
