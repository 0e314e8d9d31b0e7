import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { residentBytes, watchCpu } from './harness/cpu.ts';
import { emptyMailbox } from './harness/mailbox.ts';
import { connectAs, type RawClient } from './harness/raw-client.ts';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { Traffic } from './harness/traffic.ts';
import { until } from './harness/wait.ts';

/**
 * A broker that is short of memory or disk, a database whose disk is full or that is away: clients are told, or
 * messages wait (G1, G6); memory stays bounded (G7), nobody spins, and all goes on by itself.
 */

const CONFIRM_TIMEOUT_MS = 1_000;
/** The client is told within the confirm timeout; the rest is for a busy machine. */
const TOLD_WITHIN_MS = CONFIRM_TIMEOUT_MS + 20_000;
const FLOOD_MS = 3_000;
const AWAY_MS = 6_000;
const MOST_GROWTH_BYTES = 200 * 1024 * 1024;
/** Share of a core. */
const MOST_CPU = 0.1;
const MOST_LINES_PER_S = 10;

let stack: Stack;
let services: ServiceHandle[];
let workers: ServiceHandle[];
let pids: number[];
let alice: RawClient;
let bob: RawClient;

beforeAll(async () => {
  stack = await startStack({
    ownInfrastructure: true,
    env: {
      CONFIRM_TIMEOUT_MS: String(CONFIRM_TIMEOUT_MS),
      RATE_LIMIT_PER_S: '100000',
      RATE_BURST: '100000',
      SEND_WINDOW: '1000',
    },
  });
  workers = [...stack.routing, ...stack.ack];
  services = [...stack.gateways, ...workers];
  pids = services.map(({ pid }) => pid);
  alice = await connectAs(stack, stack.gateways[0], 'alice');
  bob = await connectAs(stack, stack.gateways[1], 'bob', { autoAck: true });
});

afterAll(() => stack.stop());

afterEach(async () => {
  expect(services.map(({ pid, running }) => running && pid)).toEqual(pids);
  for (const { ws } of [alice, bob]) expect(ws.readyState).toBe(ws.OPEN);
  const metrics = await Promise.all(services.map((service) => stack.metrics(service)));
  expect(metrics.map((m) => m.value('sixfold_dead_total'))).toEqual(services.map(() => 0));
});

const lines = () => workers.map(({ spec }) => readFileSync(spec.logFile, 'utf8').split('\n').length);

/** Neither CPU time nor log lines beyond what it takes to look now and then. */
function watchIdling() {
  const [since, cpu, before] = [performance.now(), watchCpu(workers.map(({ pid }) => pid)), lines()];
  return () => {
    const seconds = (performance.now() - since) / 1_000;
    const shares = cpu();
    const rates = lines().map((count, n) => (count - (before[n] ?? 0)) / seconds);
    const text = `cores ${shares.map((s) => s.toFixed(3)).join(' ')}, log lines/s ${rates.map((r) => r.toFixed(1)).join(' ')}`;
    for (const share of shares) expect(share, text).toBeLessThan(MOST_CPU);
    for (const rate of rates) expect(rate, text).toBeLessThan(MOST_LINES_PER_S);
    return text;
  };
}

test.each(['memory', 'disk'] as const)('the broker is short of %s', async (kind) => {
  await using flooder = await connectAs(stack, stack.gateways[0], `flooder-${kind}`);
  const traffic = new Traffic(alice, bob, 'bob');
  await traffic.flows();
  await stack.alarm(kind, true);
  const asked = Date.now();
  flooder.msg('nobody', 'first');
  await flooder.next('error', { code: 'unavailable' });
  const told = Date.now() - asked;
  const gateway = stack.gateways[0]?.pid ?? 0;
  const before = residentBytes(gateway);
  let [count, peak] = [0, 0];
  const body = 'x'.repeat(10_000);
  for (const end = Date.now() + FLOOD_MS; Date.now() < end;) {
    await delay(5);
    for (let n = 0; n < 20; n++) flooder.msg('nobody', `f${count++}`, body);
    peak = Math.max(peak, residentBytes(gateway));
  }
  await stack.alarm(kind, false);
  const backMs = await traffic.flows();
  const all = await traffic.finish();
  console.log(
    `${kind} alarm: told after ${told} ms; ${count} x 10 kB refused, gateway grew by ` +
      `${Math.round((peak - before) / 1_048_576)} MiB; live ${backMs} ms after the alarm; ${all} messages`,
  );
  expect(told).toBeLessThan(TOLD_WITHIN_MS);
  expect(peak - before).toBeLessThan(MOST_GROWTH_BYTES);
});

test('the disk of the database is full: messages wait in the broker, none is given up', async () => {
  await stack.sql(`
    CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$`);
  await stack.sql('CREATE TRIGGER full_disk BEFORE INSERT ON offline_messages EXECUTE FUNCTION full_disk()');
  const idling = watchIdling();
  const sent = Array.from({ length: 50 }, (_, n) => `d${n}`);
  for (const id of sent) alice.msg('absent', id);
  for (const id of sent) await alice.next('msg:A', { id });
  await delay(3_000);
  const used = idling();
  expect(alice.all('ack:N', ({ to }) => to === 'absent')).toEqual([]);
  await stack.sql('DROP FUNCTION full_disk CASCADE');
  await until(() => sent.every((id) => alice.all('ack:N', { id, state: 'stored' }).length > 0), {
    what: 'all to be stored',
  });
  await using absent = await connectAs(stack, stack.gateways[1], 'absent');
  expect((await emptyMailbox(absent)).messages.map(({ id }) => id)).toEqual(sent);
  console.log(`database full: ${used}`);
});

test('the database is away: what was accepted waits, and nobody spins', async () => {
  const traffic = new Traffic(alice, bob, 'bob', 100);
  await traffic.flows();
  await stack.postgres.stop();
  const idling = watchIdling();
  await delay(Number(process.env['AWAY_MS'] ?? AWAY_MS));
  const used = idling();
  const restarting = Date.now();
  await stack.postgres.restart();
  const restarted = Date.now() - restarting;
  const backMs = await traffic.flows();
  const count = await traffic.finish();
  console.log(
    `database away: ${used}; live ${backMs} ms after a start of ${restarted} ms; ${count} messages`,
  );
});

test('the services start first, then the broker, then the database', async () => {
  await Promise.all(services.map((handle) => handle.stop()));
  await Promise.all([stack.rabbitmq.stop(), stack.postgres.stop()]);
  const restarting = Promise.all(services.map((handle) => handle.restart()));
  const live = () => Promise.all(services.map(({ http }) => fetch(`${http}/healthz`)));
  await until(async () => (await live()).every(({ ok }) => ok), {
    what: 'all services to live',
  });
  await stack.rabbitmq.restart();
  await stack.postgres.restart();
  await restarting;
  pids = services.map(({ pid }) => pid);
  alice = await connectAs(stack, stack.gateways[0], 'alice');
  bob = await connectAs(stack, stack.gateways[1], 'bob', { autoAck: true });
  const traffic = new Traffic(alice, bob, 'bob');
  await traffic.flows();
  await traffic.finish();
});
