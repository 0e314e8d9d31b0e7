import { Broker } from '#libs/broker/broker.ts';
import { DeadLetters } from '#libs/broker/dead-letters.ts';
import { GATEWAY, ROUTE } from '#libs/broker/formats.ts';
import { Reader } from '#libs/broker/reader.ts';
import { Suspension } from '#libs/broker/suspension.ts';
import { Live } from '#libs/relay/live.ts';
import { run } from '#libs/runtime/lifecycle.ts';
import type { Logger } from '#libs/runtime/logger.ts';
import { Probes } from '#libs/runtime/probes.ts';
import { repeat } from '#libs/runtime/repeat.ts';
import { isAble } from '#libs/store/ability.ts';
import { Database, isTransient } from '#libs/store/database.ts';
import { migrate } from '#libs/store/migrate.ts';
import { findWhereabouts } from '#libs/store/presence.ts';
import { Rooms } from '#libs/store/rooms.ts';
import { quotasOf, readRoutingConfig, type RoutingConfig } from './config.ts';
import { Consumers } from './consumers.ts';
import { Heirs } from './heirs.ts';
import { Housekeeping } from './housekeeping.ts';
import { Mailboxes } from './mailboxes.ts';
import { Partitions } from './partitions.ts';
import { PresenceCache } from './presence-cache.ts';
import { Returned } from './returned.ts';
import { Router } from './router.ts';

/**
 * The routing service: decides where messages go, by presence in Postgres: live to the receiver's gateways, or into
 * the mailbox. It serves the mailboxes, and inherits what gateways that died left behind.
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

  const live = new Live(publisher);
  const { consumers, heirs, partitions } = consumersOf({ config, log, db, broker, live });
  const able = async () => broker.publishes && isAble(db);
  const suspension = new Suspension({ consumers, able, onLost, log });
  probes.require('it gave its work back, and waits until it can work', () => !suspension.suspended);
  broker.consume(suspension);
  lifecycle.onStop('consuming', async () => {
    // What does not get done in time goes back to the broker, unacknowledged.
    await lifecycle.inTime(config.DRAIN_TIMEOUT_MS, consumers.leave());
    await broker.stopConsuming();
  });
  const stopLooking = suspension.start();
  lifecycle.onStop('looking', () => lifecycle.inTime(config.DRAIN_TIMEOUT_MS, stopLooking()));

  const housekeeping = new Housekeeping({ config, broker, db, live, heirs, partitions, log });
  const stop = repeat(config.HOUSEKEEPING_MS, () => housekeeping.step());
  lifecycle.onStop('housekeeping', () => lifecycle.inTime(config.DRAIN_TIMEOUT_MS, stop()));
});

interface Parts {
  config: RoutingConfig;
  log: Logger;
  db: Database;
  broker: Broker;
  live: Live;
}

/** All that consumes, and what it does with what comes. */
function consumersOf({ config, log, db, broker, live }: Parts) {
  const { publisher, resetConsuming: onLost } = broker;
  const { GATEWAY_LEASE_MS: leaseMs, ROUTING_PREFETCH: prefetch } = config;
  const rooms = new Rooms(quotasOf(config));
  const mailbox = { db, live, leaseMs, rooms };
  const presence = new PresenceCache(
    (users) => findWhereabouts(db, users, leaseMs),
    config.PRESENCE_CACHE_MS,
  );
  const dealing = { isTransient, dead: new DeadLetters(publisher), log };
  const reading = { ...dealing, maxEntries: 1_000 };
  const mailboxes = new Mailboxes(mailbox, dealing);

  const inherit = new Returned(mailbox, { bury: (...queue) => heirs.bury(...queue) });
  const returned = new Reader({ ...reading, stage: 'returned', format: GATEWAY, handle: inherit.handle });
  const { forgetAll } = presence;
  const heirs = new Heirs({ db, publisher, prefetch, receive: returned.receive, onOver: forgetAll, log });
  const ways = { ...mailbox, mailboxes, presence };
  const { handle } = new Router(ways, config.MAX_SESSIONS_PER_USER, heirs.adopt);
  const router = new Reader({ ...reading, stage: 'routing', format: ROUTE, handle });
  const partitions = new Partitions({
    partitions: config.ROUTE_PARTITIONS,
    prefetch,
    receive: router.receive,
    onLost,
    onGivenUp: [forgetAll, rooms.forget],
    log,
  });
  const consumers = new Consumers({ partitions, heirs, router, returned, mailboxes, prefetch, onLost });
  return { consumers, heirs, partitions };
}
