import { Counter } from 'prom-client';

export const receiptsTotal = new Counter({
  name: 'sixfold_receipts_total',
  help: 'Receipts for senders, by what became of them: live (sent to a session; one that comes back is stored as well) or stored (in the mailbox)',
  labelNames: ['outcome'],
});
for (const outcome of ['live', 'stored']) receiptsTotal.inc({ outcome }, 0);

export const eventsAdopted = new Counter({
  name: 'sixfold_events_adopted_total',
  help: 'Events that an instance left in the outbox and another one took over',
});
