import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { TcpProxy } from '../tools/testkit/tcp-proxy.ts';
import { watchCpu } from './harness/cpu.ts';
import { connectAs, type RawClient } from './harness/raw-client.ts';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { Traffic } from './harness/traffic.ts';
import { until } from './harness/wait.ts';

/**
 * Connections to broker and database that stand still or are lost without a word: noticed in time, made again, nothing
 * lost (G1), nobody is restarted, and nobody spins meanwhile.
 */

const HEARTBEAT_S = 2;
const DATABASE_TIMEOUT_MS = 2_000;
/** A silent peer is given up after two to three heartbeats; then a new incarnation needs its lease. The rest is for a busy machine. */
const BACK_WITHIN_MS = 3 * HEARTBEAT_S * 1_000 + 40_000;
/** After a stall of the network: also the connect that is under way (5 s) and the pause behind it (up to 3 s). */
const BACK_AFTER_STALL_MS = BACK_WITHIN_MS + 8_000;
/** Share of a core. */
const MOST_CPU = 0.3;

let stack: Stack;
let services: ServiceHandle[];
let pids: number[];
/** Between each service and the broker, by the service's name; and between routing and ack and the database. */
const toBroker = new Map<string, TcpProxy>();
let toDatabase: TcpProxy;
let alice: RawClient;
let bob: RawClient;

beforeAll(async () => {
  stack = await startStack({
    gateways: 0,
    routing: 0,
    ack: 0,
    env: {
      AMQP_HEARTBEAT_S: String(HEARTBEAT_S),
      DATABASE_TIMEOUT_MS: String(DATABASE_TIMEOUT_MS),
      GATEWAY_LEASE_MS: '4000',
      RATE_LIMIT_PER_S: '10000',
      RATE_BURST: '10000',
      SEND_WINDOW: '1000',
    },
  });
  toDatabase = await TcpProxy.listen(Number(new URL(stack.databaseUrl).port));
  const DATABASE_URL = through(toDatabase, stack.databaseUrl);
  const broker = async (name: string) => {
    const proxy = await TcpProxy.listen(Number(new URL(stack.amqpUrl).port));
    toBroker.set(name, proxy);
    return { AMQP_URL: through(proxy, stack.amqpUrl) };
  };
  services = await Promise.all([
    stack.addGateway(await broker('the gateway of the sender')),
    stack.addGateway(await broker('the gateway of the receiver')),
    stack.addRouting({ DATABASE_URL, ...(await broker('routing')) }),
    stack.addAck({ DATABASE_URL, ...(await broker('ack')) }),
  ]);
  pids = services.map(({ pid }) => pid);
  alice = await connectAs(stack, services[0], 'alice');
  bob = await connectAs(stack, services[1], 'bob', { autoAck: true });
});

afterAll(async () => {
  await stack.stop();
  await Promise.all([...toBroker.values(), toDatabase].map((proxy) => proxy.close()));
});

afterEach(() => {
  expect(services.map(({ pid, running }) => running && pid)).toEqual(pids);
  for (const { ws } of [alice, bob]) expect(ws.readyState).toBe(ws.OPEN);
});

function through(proxy: TcpProxy, address: string): string {
  const url = new URL(address);
  url.host = `127.0.0.1:${proxy.port}`;
  return url.href;
}

const untilGauge = (name: string, of: ServiceHandle[], value: number) =>
  until(
    async () =>
      (await Promise.all(of.map((service) => stack.metrics(service)))).every((m) => m.value(name) === value),
    { what: `${name} to be ${value}`, intervalMs: 100 },
  );

test.each(['the gateway of the sender', 'the gateway of the receiver', 'routing', 'ack'])(
  'the broker connections of %s are lost without a word',
  async (name) => {
    const traffic = new Traffic(alice, bob, 'bob');
    await traffic.flows();
    toBroker.get(name)?.lose();
    await delay(500); // what was confirmed before has passed by now: what flows then has got over it
    const backMs = await traffic.flows(BACK_WITHIN_MS);
    const count = await traffic.finish();
    console.log(
      `broker connections of ${name} lost: messages live again after ${backMs + 500} ms; ${count} in all`,
    );
  },
);

test('all connections to the broker stand still', async () => {
  const traffic = new Traffic(alice, bob, 'bob', 100);
  await traffic.flows();
  for (const proxy of toBroker.values()) proxy.stall();
  const used = watchCpu(pids);
  await untilGauge('sixfold_broker_connected', services, 0);
  await delay(3_000); // they try to connect again and again
  const shares = used();
  for (const proxy of toBroker.values()) proxy.resume();
  const backMs = await traffic.flows(BACK_AFTER_STALL_MS);
  const count = await traffic.finish();
  console.log(
    `broker stalled: cores ${shares.map((s) => s.toFixed(2)).join(' ')}; back ${backMs} ms; ${count} messages`,
  );
  for (const share of shares) expect(share).toBeLessThan(MOST_CPU);
});

test('the database stands still, and then its connections are lost', async () => {
  const traffic = new Traffic(alice, bob, 'bob', 100);
  await traffic.flows();
  const [, , ...users] = services;
  toDatabase.stall();
  const used = watchCpu(pids);
  await untilGauge('sixfold_database_connected', users, 0);
  await delay(2_000);
  const shares = used();
  toDatabase.resume();
  const backMs = await traffic.flows(BACK_WITHIN_MS);

  toDatabase.lose();
  await delay(500);
  const lostMs = await traffic.flows(3 * DATABASE_TIMEOUT_MS + 20_000);
  const count = await traffic.finish();
  console.log(
    `database stalled: cores ${shares.map((s) => s.toFixed(2)).join(' ')}; back ${backMs} ms; ` +
      `lost: back ${lostMs + 500} ms; ${count} messages`,
  );
  for (const share of shares) expect(share).toBeLessThan(MOST_CPU);
});

test('a service ends in order though its database connections are lost', async () => {
  await using proxy = await TcpProxy.listen(Number(new URL(stack.databaseUrl).port));
  const extra = await stack.addAck({
    DATABASE_URL: through(proxy, stack.databaseUrl),
    DATABASE_TIMEOUT_MS: '60000',
    DRAIN_TIMEOUT_MS: '500',
  });
  await until(() => proxy.connections > 0, { what: 'a connection to the database' });
  proxy.lose();
  await delay(4_500); // an idle service asks the database every 2 to 4 s whether it is there: now it waits for that
  await extra.stop(); // throws when it does not end with exit code 0
});
