import { Broker } from '#libs/broker/broker.ts';
import { DeadLetters } from '#libs/broker/dead-letters.ts';
import { ACK } from '#libs/broker/entry-formats.ts';
import { DeliveryBatcher } from '#libs/broker/delivery-batcher.ts';
import { HealthGate } from '#libs/broker/health-gate.ts';
import { EventPublisher } from '#libs/events/event-publisher.ts';
import { GatewaySender } from '#libs/relay/gateway-sender.ts';
import { run } from '#libs/runtime/lifecycle.ts';
import { Probes } from '#libs/runtime/probes.ts';
import { isDatabaseHealthy } from '#libs/store/health-check.ts';
import { Database, isTransient } from '#libs/store/database.ts';
import { migrate } from '#libs/store/migrate.ts';
import { PREFETCH, readAckConfig } from './config.ts';
import { relayAckEntries } from './confirmations.ts';
import { Consumers } from './consumers.ts';

/** Interval of pruning idle gateway publishers, milliseconds. */
const PRUNE_MS = 10_000;

/** The ack service: relays confirmations to the senders of the messages, or into their mailboxes. */
await run('ack', readAckConfig, async ({ config, log, lifecycle }) => {
  const probes = await Probes.listen(config, log);
  lifecycle.onStop('http', () => probes.close());

  await migrate(config, log, lifecycle.signal);
  const db = new Database(config, 'ack', log);
  lifecycle.onStop('database', () => db.close());
  probes.require('the database is not connected', () => db.connected);

  const broker = new Broker({ name: 'ack', config, log });
  lifecycle.onStop('publishing', () => broker.stopPublishing());
  probes.require('the broker is not connected', () => broker.connected);

  const gatewaySender = new GatewaySender(broker.publisher);
  const events = EventPublisher.of(broker.publisher, config);
  const relay = { db, gatewaySender, leaseMs: config.GATEWAY_LEASE_MS, events };
  const reader = new DeliveryBatcher({
    stage: 'acking',
    format: ACK,
    maxEntries: 1_000,
    handle: (items) => relayAckEntries(relay, items),
    isTransient,
    dead: new DeadLetters(broker.publisher),
    log,
  });
  const { resetConsuming: onLost } = broker;
  const consumers = new Consumers(reader, PREFETCH, onLost);
  const isHealthy = async () => broker.publishingConnected && isDatabaseHealthy(db);
  const healthGate = new HealthGate({ consumers, isHealthy, onLost, log });
  probes.require(
    'suspended: it returned its work and waits until it is healthy',
    () => !healthGate.suspended,
  );
  broker.consume(healthGate);
  lifecycle.onStop('consuming', async () => {
    await lifecycle.inTime(config.DRAIN_TIMEOUT_MS, consumers.leave());
    await broker.stopConsuming();
  });
  const stop = healthGate.start();
  lifecycle.onStop('looking', () => lifecycle.inTime(config.DRAIN_TIMEOUT_MS, stop()));
  const pruning = setInterval(() => gatewaySender.prune(), PRUNE_MS);
  lifecycle.onStop('pruning', () => clearInterval(pruning));
});
