import { Counter, Gauge, Histogram } from 'prom-client';

export const requestsTotal = new Counter({
  name: 'sixfold_webhook_requests_total',
  help: 'Requests to WEBHOOK_URL by outcome: class of the status, timeout, or error (no connection, or it broke)',
  labelNames: ['outcome'],
});
for (const outcome of ['2xx', '3xx', '4xx', '5xx', 'timeout', 'error']) requestsTotal.inc({ outcome }, 0);

export const requestSeconds = new Histogram({
  name: 'sixfold_webhook_seconds',
  help: 'Duration of requests to WEBHOOK_URL, up to the status',
  buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
});

export const eventsTotal = new Counter({
  name: 'sixfold_webhook_events_total',
  help: 'Events that left the queue: delivered (answered by 2xx) or given_up (older than WEBHOOK_MAX_HOURS)',
  labelNames: ['outcome'],
});
for (const outcome of ['delivered', 'given_up']) eventsTotal.inc({ outcome }, 0);

export const retryingBatches = new Gauge({
  name: 'sixfold_webhook_retrying_batches',
  help: 'Batches that failed and wait for another try',
});

export const returnsTotal = new Counter({
  name: 'sixfold_webhook_returns_total',
  help: 'Times that the service returned its events to the queue, because one was unacknowledged for WEBHOOK_HOLD_MS',
});
