import { Broker } from '#libs/broker/broker.ts';
import { DeadLetters } from '#libs/broker/dead-letters.ts';
import { WEBHOOK_QUEUE } from '#libs/broker/topology.ts';
import { run } from '#libs/runtime/lifecycle.ts';
import { Probes } from '#libs/runtime/probes.ts';
import { repeat } from '#libs/runtime/repeat.ts';
import { readWebhookConfig } from './config.ts';
import { Consumers } from './consumers.ts';
import { Courier, type CourierOptions } from './courier.ts';
import { Endpoint } from './endpoint.ts';
import { createSign } from './signature.ts';

const HOUR_MS = 3_600_000;
/** How often the age of the oldest delivery is checked, milliseconds. */
const CHECK_MS = 1_000;
/** How long a message that replaces a delivery may wait for its confirm, milliseconds. */
const REPUBLISH_WITHIN_MS = 5_000;
/** After DRAIN_TIMEOUT_MS, what is left takes so much longer to go back to the queue, milliseconds. */
const RETURN_WITHIN_MS = 3_000;

/** The webhook service: takes events from the queue to the operator's endpoint. */
await run('webhook', readWebhookConfig, async ({ config, log, lifecycle }) => {
  const probes = await Probes.listen(config, log);
  lifecycle.onStop('http', () => probes.close());

  const broker = new Broker({ name: 'webhook', config, log });
  const { publisher } = broker;
  lifecycle.onStop('publishing', () => broker.stopPublishing());
  probes.require('the broker is not connected', () => broker.connected);
  if (config.EVENTS.length === 0)
    log.warn('EVENTS is empty: no events are published, so there are none to send');
  // Its path and query may hold a key.
  log.info({ endpoint: new URL(config.WEBHOOK_URL).origin, events: config.EVENTS }, 'sends events');

  const endpoint = new Endpoint({ url: config.WEBHOOK_URL, sign: createSign(config.WEBHOOK_SECRET) });
  const options: CourierOptions = {
    endpoint,
    dead: new DeadLetters(publisher),
    republish: (events, publishedAt) =>
      publisher.publish(
        '',
        WEBHOOK_QUEUE,
        Buffer.from(JSON.stringify(events)),
        REPUBLISH_WITHIN_MS,
        publishedAt,
      ),
    maxAgeMs: config.WEBHOOK_MAX_HOURS * HOUR_MS,
    log,
  };
  const consumers = new Consumers({
    createCourier: () => new Courier(options),
    events: config.EVENTS,
    queueType: config.QUEUE_TYPE,
    holdMs: config.WEBHOOK_HOLD_MS,
    closedMs: () => endpoint.closedMs,
    onLost: broker.resetConsuming,
    log,
  });
  broker.consume(consumers);
  lifecycle.onStop('consuming', async () => {
    const left = consumers.leave(config.DRAIN_TIMEOUT_MS);
    await lifecycle.inTime(config.DRAIN_TIMEOUT_MS + RETURN_WITHIN_MS, left);
    await broker.stopConsuming();
  });
  const stop = repeat(CHECK_MS, consumers.check);
  lifecycle.onStop('checks', () => void stop());
});
