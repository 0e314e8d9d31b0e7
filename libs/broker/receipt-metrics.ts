import { Counter } from 'prom-client';

/** Counted by every service that sends receipts to gateways. */
export const receiptsTotal = new Counter({
  name: 'sixfold_receipts_total',
  help: 'Receipts for senders, by what became of them: live (sent to a session; one that comes back is counted again) or stored (in the mailbox)',
  labelNames: ['outcome'],
});
for (const outcome of ['live', 'stored']) receiptsTotal.inc({ outcome }, 0);
