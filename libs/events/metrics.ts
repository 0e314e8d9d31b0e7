import { Counter, Gauge } from 'prom-client';
import { EVENT_TYPES } from './event.ts';

export const eventsTotal = new Counter({
  name: 'sixfold_events_total',
  help: 'Events that the broker has confirmed, by type; a fact that is published again counts again',
  labelNames: ['type'],
});
for (const type of EVENT_TYPES) eventsTotal.inc({ type }, 0);

export const eventsUnconfirmed = new Gauge({
  name: 'sixfold_events_unconfirmed',
  help: 'Events that the broker has not confirmed yet: what caused them waits',
});
