import { Broker } from '#libs/broker/broker.ts';
import { DeadLetters } from '#libs/broker/dead-letters.ts';
import { ACK } from '#libs/broker/formats.ts';
import { Reader } from '#libs/broker/reader.ts';
import { Suspension } from '#libs/broker/suspension.ts';
import { Live } from '#libs/relay/live.ts';
import { run } from '#libs/runtime/lifecycle.ts';
import { Probes } from '#libs/runtime/probes.ts';
import { isAble } from '#libs/store/ability.ts';
import { Database, isTransient } from '#libs/store/database.ts';
import { migrate } from '#libs/store/migrate.ts';
import { readAckConfig } from './config.ts';
import { relayConfirmations } from './confirmations.ts';
import { Consumers } from './consumers.ts';

/** How often ways to gateways that are gone are forgotten, milliseconds. */
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

  const live = new Live(broker.publisher);
  const relay = { db, live, leaseMs: config.GATEWAY_LEASE_MS };
  const reader = new Reader({
    stage: 'acking',
    format: ACK,
    maxEntries: 1_000,
    handle: (items) => relayConfirmations(relay, items),
    isTransient,
    dead: new DeadLetters(broker.publisher),
    log,
  });
  const { resetConsuming: onLost } = broker;
  const consumers = new Consumers(reader, config.ACK_PREFETCH, onLost);
  const able = async () => broker.publishes && isAble(db);
  const suspension = new Suspension({ consumers, able, onLost, log });
  probes.require('it gave its work back, and waits until it can work', () => !suspension.suspended);
  broker.consume(suspension);
  lifecycle.onStop('consuming', async () => {
    await lifecycle.inTime(config.DRAIN_TIMEOUT_MS, consumers.leave());
    await broker.stopConsuming();
  });
  const stop = suspension.start();
  lifecycle.onStop('looking', () => lifecycle.inTime(config.DRAIN_TIMEOUT_MS, stop()));
  const pruning = setInterval(() => live.prune(), PRUNE_MS);
  lifecycle.onStop('pruning', () => clearInterval(pruning));
});
