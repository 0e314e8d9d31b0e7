import { Broker } from '#libs/broker/broker.ts';
import { DeadLetters } from '#libs/broker/dead-letters.ts';
import { closeHttp, createHttp, listen } from '#libs/runtime/http.ts';
import { type Lifecycle, run } from '#libs/runtime/lifecycle.ts';
import { traceTo } from '#libs/runtime/trace.ts';
import { createVerifier } from './auth.ts';
import { createAuthorizer } from './authorize/authorizer.ts';
import { readGatewayConfig } from './config.ts';
import { demoPage } from './demo/demo-page.ts';
import { drain } from './drain.ts';
import { httpLimits, SOCKET_LIMITS } from './admission/sockets.ts';
import { followCredentials, readCredentials } from './admission/tls.ts';
import { Incarnation } from './incarnation.ts';
import { exportGauges } from './gauges.ts';
import { Gateway } from './gateway.ts';
import { GatewayConsumer } from './gateway-consumer.ts';
import { HttpApi } from './http/router.ts';
import { Publishers } from './publishers.ts';
import { Signals } from './signals.ts';
import { startSweeping } from './sweeper.ts';
import { WebSocketEndpoint } from './websocket-endpoint.ts';

/**
 * The gateway: holds the clients' WebSockets, publishes their packets, and delivers the messages of its own queue. It has
 * no database; the broker holds every message in flight, unacknowledged.
 */
await run('gateway', readGatewayConfig, async ({ config, log: root, lifecycle }) => {
  const log = root.child({ gateway: config.GATEWAY_ID });
  traceTo(log);
  const { verify, stop } = createVerifier(config, log);
  lifecycle.onStop('keys', stop);
  const authorizer = createAuthorizer(config, log);
  lifecycle.onStop('authorizer', () => authorizer?.stop());
  const tls = readCredentials(config);
  const broker = new Broker({ name: config.GATEWAY_ID, config, log });
  lifecycle.onStop('publishing', () => broker.stopPublishing());
  const publishers = new Publishers(broker.publisher, config);
  const incarnation = new Incarnation(config, publishers, log);
  const signals = new Signals(broker, config.GATEWAY_ID);
  const gateway = new Gateway({ config, verify, authorizer, publishers, signals, incarnation, log });
  const consumer = new GatewayConsumer(gateway, new DeadLetters(broker.publisher), broker);
  incarnation.ownedBy(consumer);
  const longestDrainMs = config.DRAIN_DELAY_MS + config.DRAIN_TIMEOUT_MS + config.CONFIRM_TIMEOUT_MS;
  lifecycle.onStop('consuming', async () => {
    // The heirs get unconfirmed entries: their deliveries are unacknowledged.
    const left = incarnation.leave().then(() => publishers.drained());
    await lifecycle.inTime(longestDrainMs, left);
    await broker.stopConsuming();
  });

  exportGauges(gateway, consumer);
  lifecycle.onStop('timers', startSweeping(gateway, consumer));

  const api = new HttpApi(gateway);
  const server = createHttp({
    notReady: () => notReady(lifecycle, broker, incarnation),
    limits: httpLimits(SOCKET_LIMITS),
    tls,
    routes: { '/v1': api.router, ...(config.DEMO && { '/': demoPage(config) }) },
  });
  const endpoint = new WebSocketEndpoint(server, gateway, api);
  const port = await listen(server, {
    host: config.HOST,
    port: config.PORT,
    onError: (error) => log.error({ err: error }, 'http'),
  });
  lifecycle.onStop('signals', signals.start(gateway.sessions));
  broker.consume(incarnation); // only now: a gateway that cannot listen leaves no queue behind
  lifecycle.onStop('http', () => closeHttp(server));
  if (tls) lifecycle.onStop('certificate', followCredentials(server, config, tls, log));
  lifecycle.onStop('clients', async () => {
    await endpoint.close(config.DRAIN_DELAY_MS);
    const answered = api.drained();
    await drain(gateway, config.DRAIN_TIMEOUT_MS, config.DRAIN_SPREAD_MS);
    await lifecycle.inTime(longestDrainMs, answered);
    await lifecycle.inTime(longestDrainMs, publishers.drained());
  });
  log.info({ port, tls: tls !== undefined }, 'gateway listens');
});

/** Why the gateway cannot work now. */
function notReady(lifecycle: Lifecycle, broker: Broker, incarnation: Incarnation): string[] {
  return [
    ...(lifecycle.stopping ? ['draining'] : []),
    ...(broker.connected ? [] : ['the broker is not connected']),
    ...(incarnation.ready ? [] : ['no lease: routing has not answered']),
  ];
}
