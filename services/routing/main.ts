import { Broker } from '#libs/broker/broker.ts';
import { DeadLetters } from '#libs/broker/dead-letters.ts';
import { GATEWAY, ROUTE } from '#libs/broker/entry-formats.ts';
import { DeliveryBatcher } from '#libs/broker/delivery-batcher.ts';
import { HealthGate } from '#libs/broker/health-gate.ts';
import { EventPublisher } from '#libs/events/event-publisher.ts';
import { EventOutbox } from '#libs/relay/event-outbox.ts';
import { GatewaySender } from '#libs/relay/gateway-sender.ts';
import { run } from '#libs/runtime/lifecycle.ts';
import type { Logger } from '#libs/runtime/logger.ts';
import { Probes } from '#libs/runtime/probes.ts';
import { repeat } from '#libs/runtime/repeat.ts';
import { isDatabaseHealthy } from '#libs/store/health-check.ts';
import { Database, isTransient } from '#libs/store/database.ts';
import { migrate } from '#libs/store/migrate.ts';
import { findUserLocations } from '#libs/store/presence.ts';
import { findSignalReceivers } from '#libs/store/signal-receivers.ts';
import { QuotaCache } from '#libs/store/quota-cache.ts';
import { PREFETCH, quotasOf, readRoutingConfig, type RoutingConfig } from './config.ts';
import { Consumers } from './consumers.ts';
import { Erasures } from './erasures.ts';
import { Heirs } from './heirs.ts';
import { Housekeeping, HOUSEKEEPING_MS } from './housekeeping.ts';
import { MailboxWorker } from './mailbox-worker.ts';
import { Partitions } from './partitions.ts';
import { PresenceCache } from './presence-cache.ts';
import type { MailboxContext } from './store-offline.ts';
import { ReturnedHandler } from './returned.ts';
import { Router } from './router.ts';
import { Signals } from './signals.ts';

/**
 * The routing service: decides where messages go, by presence in Postgres: live to the receiver's gateways, or into
 * the mailbox. It serves the mailboxes, and takes over the queues of dead gateways.
 */
await run('routing', readRoutingConfig, async ({ config, log, lifecycle }) => {
  const probes = await Probes.listen(config, log);
  lifecycle.onStop('http', () => probes.close());

  await migrate(config, log, lifecycle.signal);
  const db = new Database(config, 'routing', log);
  lifecycle.onStop('database', () => db.close());
  probes.require('the database is not connected', () => db.connected);

  const broker = new Broker({ name: 'routing', config, log });
  const { publisher, resetConsuming: onLost } = broker;
  lifecycle.onStop('publishing', () => broker.stopPublishing());
  probes.require('the broker is not connected', () => broker.connected);

  const gatewaySender = new GatewaySender(publisher);
  const events = EventPublisher.of(publisher, config);
  const outbox = events && new EventOutbox(db, events, log);
  lifecycle.onStop('event outbox', () => outbox?.stop());
  const signals = new Signals(broker, (users) => findSignalReceivers(db, users, config.GATEWAY_LEASE_MS));
  lifecycle.onStop('signals', signals.start());
  const sending = { gatewaySender, events, outbox };
  const { consumers, heirs, partitions } = consumersOf({ config, log, db, broker, sending, signals });
  const isHealthy = async () => broker.publishingConnected && isDatabaseHealthy(db);
  const healthGate = new HealthGate({ consumers, isHealthy, onLost, log });
  probes.require(
    'suspended: it returned its work and waits until it is healthy',
    () => !healthGate.suspended,
  );
  broker.consume(healthGate);
  lifecycle.onStop('consuming', async () => {
    // Unfinished deliveries go back to the broker.
    await lifecycle.inTime(config.DRAIN_TIMEOUT_MS, consumers.stop());
    await broker.stopConsuming();
  });
  const stopLooking = healthGate.start();
  lifecycle.onStop('looking', () => lifecycle.inTime(config.DRAIN_TIMEOUT_MS, stopLooking()));

  const housekeeping = new Housekeeping({
    config,
    broker,
    db,
    gatewaySender,
    outbox,
    heirs,
    partitions,
    log,
  });
  const stop = repeat(HOUSEKEEPING_MS, () => housekeeping.step());
  lifecycle.onStop('housekeeping', () => lifecycle.inTime(config.DRAIN_TIMEOUT_MS, stop()));
});

interface Parts {
  config: RoutingConfig;
  log: Logger;
  db: Database;
  broker: Broker;
  sending: Pick<MailboxContext, 'gatewaySender' | 'events' | 'outbox'>;
  signals: Signals;
}

/** The consumers and their handlers. */
function consumersOf({ config, log, db, broker, sending, signals }: Parts) {
  const { publisher, resetConsuming: onLost } = broker;
  const { GATEWAY_LEASE_MS: leaseMs } = config;
  const prefetch = PREFETCH;
  const shared = { prefetch, log };
  const quotaCache = new QuotaCache(quotasOf(config));
  const deviceQuotaCache = new QuotaCache(quotasOf(config));
  const mailbox = { ...sending, db, leaseMs, quotaCache, deviceQuotaCache };
  const presence = new PresenceCache(
    (users) => findUserLocations(db, users, leaseMs),
    config.PRESENCE_CACHE_MS,
  );
  const dealing = { isTransient, dead: new DeadLetters(publisher), log };
  const reading = { ...dealing, maxEntries: 1_000 };
  const mailboxWorker = new MailboxWorker(mailbox, dealing);
  const erasures = new Erasures(mailbox, dealing);

  const inherit = new ReturnedHandler(mailbox, { deleteQueue: (...queue) => heirs.deleteQueue(...queue) });
  const returned = new DeliveryBatcher({
    ...reading,
    stage: 'returned',
    format: GATEWAY,
    handle: inherit.handle,
  });
  const { forgetAll } = presence;
  const heirs = new Heirs({ ...shared, db, publisher, receive: returned.receive, onGatewayGone: forgetAll });
  const context = { ...mailbox, mailboxWorker, erasures, presence };
  const limits = { maxSessions: config.MAX_SESSIONS_PER_USER, maxDevices: config.MAX_DEVICES };
  const { handle } = new Router(context, limits, heirs.subscribe);
  const router = new DeliveryBatcher({ ...reading, stage: 'routing', format: ROUTE, handle });
  const partitions = new Partitions({
    ...shared,
    partitions: config.ROUTE_PARTITIONS,
    receive: router.receive,
    onLost,
    onGivenUp: [forgetAll, quotaCache.forget, deviceQuotaCache.forget],
  });
  const consumers = new Consumers({
    partitions,
    heirs,
    router,
    returned,
    mailboxWorker,
    erasures,
    signals,
    prefetch,
    onLost,
  });
  return { consumers, heirs, partitions };
}
