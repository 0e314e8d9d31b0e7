import { Counter, Gauge, Histogram } from 'prom-client';

export const brokerConnected = new Gauge({
  name: 'sixfold_broker_connected',
  help: '1 while the connections to RabbitMQ are open and set up',
});

export const batchEntries = new Histogram({
  name: 'sixfold_batch_entries',
  help: 'Entries that one AMQP message (or one step of work on several) carried, by stage',
  labelNames: ['stage'],
  buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024],
});

export const deadTotal = new Counter({
  name: 'sixfold_dead_total',
  help: 'Unreadable entries that went to sixfold.dead',
});

export const signalsTotal = new Counter({
  name: 'sixfold_signals_total',
  help: 'Signals by what became of them: live (signal:N to a session), away (the receiver has no session) or dropped',
  labelNames: ['outcome'],
});
for (const outcome of ['live', 'away', 'dropped']) signalsTotal.inc({ outcome }, 0);

/** The first thing to go under pressure (PROTOCOL: signal). */
export const dropSignals = (count: number) => signalsTotal.inc({ outcome: 'dropped' }, count);

export const channelsLost = new Counter({
  name: 'sixfold_channels_lost_total',
  help: 'Channels abandoned because RabbitMQ did not confirm a publish',
});

export const closingChannels = new Gauge({
  name: 'sixfold_closing_channels',
  help: 'Channels whose close RabbitMQ has not answered yet',
});

export const suspensionsTotal = new Counter({
  name: 'sixfold_suspensions_total',
  help: 'Times that an unhealthy instance (no database, or no publishing connection) returned its work to the broker',
});

/** Open consumers. */
export const openConsumers = new Set<{ readonly unfinished: number }>();

new Gauge({
  name: 'sixfold_unacked_deliveries',
  help: 'Deliveries received from RabbitMQ and not settled yet',
  collect() {
    this.set(openConsumers.values().reduce((sum, { unfinished }) => sum + unfinished, 0));
  },
});
