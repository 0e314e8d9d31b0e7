import { Counter, Gauge, Histogram } from 'prom-client';

/** The metrics of HTTP. */

export const httpRequests = new Counter({
  name: 'sixfold_http_requests_total',
  help: 'Requests under /v1, by endpoint and status code',
  labelNames: ['endpoint', 'code'],
});

export const httpSeconds = new Histogram({
  name: 'sixfold_http_seconds',
  help: 'From the header of a request under /v1 to the end of its answer',
  labelNames: ['endpoint'],
  buckets: [0.001, 0.002, 0.004, 0.008, 0.015, 0.03, 0.06, 0.125, 0.25, 0.5, 1, 2, 5, 10],
});

export const httpOpen = new Gauge({
  name: 'sixfold_http_requests_open',
  help: 'Requests under /v1 that are not answered yet',
});

const BODIES = ['too_large', 'too_many_lines', 'slow', 'broken'] as const;
export type BodyFault = (typeof BODIES)[number];

const bodiesRefused = new Counter({
  name: 'sixfold_http_bodies_refused_total',
  help: 'Bodies under /v1 that were not read to their end, by reason',
  labelNames: ['reason'],
});
for (const reason of BODIES) bodiesRefused.inc({ reason }, 0);

export const countBody = (reason: BodyFault): void => bodiesRefused.inc({ reason });
