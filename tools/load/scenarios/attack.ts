import { constants, setPriority } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { type Metrics, readMetrics } from '../../testkit/metrics.ts';
import { until } from '../../stack/until.ts';
import type { AttackName } from '../attack/attack.ts';
import { HonestUsers } from '../attack/honest.ts';
import { leastMemory, memoryInUse, openFilesLimit, watchMemory } from '../attack/memory.ts';
import { type Context, freshTag } from '../context.ts';
import type * as Attackers from '../jobs/attackers.ts';
import { mapValues } from '../meter.ts';
import { mib, number, p50p99 } from '../report/format.ts';
import { type Section, tableOf } from '../report/section.ts';

/** Memory is the gateway's, bytes; `before`, `held` and `after` are without garbage. */
export type AttackResult = Awaited<ReturnType<typeof attackWhile>>;

/** Files that a process has open beside the clients' sockets, at most. */
const OTHER_FILES = 500;
/** Time for the gateway to forget clients that have vanished, milliseconds. */
const FORGET_MS = 60_000;

/** Attacks a gateway, and measures its memory and the service that honest users get. */
export async function attack(context: Context, name: AttackName): Promise<Section> {
  const needed = context.options.connections + OTHER_FILES;
  if (openFilesLimit() < needed)
    throw new Error(`${needed} open files must be allowed (ulimit -Hn), not ${openFilesLimit()}`);
  const { target } = await context.attacked();
  await using honest = await HonestUsers.logIn(target, context.options.honestPairs, freshTag());
  const result = await attackWhile(honest, context, name);
  return { title: `Under ${name}`, tables: tablesOf(result), data: result };
}

async function attackWhile(honest: HonestUsers, context: Context, attack: AttackName) {
  const { connections, rounds, attackers: count, honestPairs, attackSeconds } = context.options;
  const { target, gateway, roles, inspector = 0 } = await context.attacked();
  const { http, pid } = gateway;
  context.say(`${attack}: calm`);
  honest.take();
  await delay(attackSeconds * 1_000);
  const calm = honest.take();
  const before = await leastMemory(pid, inspector);
  honest.take();

  context.say(attack);
  const earlier = await readMetrics(http);
  using peak = watchMemory(pid);
  using routing = watchMemory(roles.find(({ role }) => role === 'routing')?.pid ?? pid);
  const routingBefore = routing.read();
  await using attackers = context.worker<typeof Attackers>('attackers', attack);
  // Real attackers have processors of their own; these take only what the services leave.
  setPriority(attackers.as('load').pid, constants.priority.PRIORITY_LOW);
  await attackers.call('start', { attack, target, connections, rounds, attackers: count });
  if (attack !== 'attack-storm') await delay(attackSeconds * 1_000);
  const attacked = honest.take();
  const now = await readMetrics(http);
  const highest = peak.read();
  const held = await memoryInUse(pid, inspector);
  const counts = await attackers.call('counts');
  await attackers[Symbol.asyncDispose]();

  context.say(`${attack}: afterwards`);
  await until(async () => (await readMetrics(http)).value('sixfold_sessions') === 2 * honestPairs, {
    what: 'the gateway to forget the attackers',
    timeoutMs: FORGET_MS,
    intervalMs: 500,
  });
  const after = await leastMemory(pid, inspector);
  return {
    calm,
    attacked,
    /** Ratio of the two p99. */
    slowdown: attacked.latency.p99 / calm.latency.p99,
    memory: { before, peak: highest, held, after },
    /** Memory of the routing instance. */
    routingMemory: { before: routingBefore, peak: routing.read() },
    /** Longest turn of the gateway's event loop during the attack. */
    longestTurnMs: now.value('nodejs_eventloop_lag_max_seconds') * 1_000,
    /** What waited for clients to read it, at the end of the attack. */
    sendBufferBytes: now.value('sixfold_send_buffer_bytes'),
    /** Messages that the gateway held for clients then. */
    inflightMessages: now.value('sixfold_inflight_messages'),
    /** What the gateway published for routing: AMQP messages, and the entries in them. */
    published: publishedSince(earlier, now),
    /** What the attackers counted. */
    counts,
    /** Errors and closes by code. */
    errors: errorsSince(earlier, now),
    ...(attack === 'attack-idle' && {
      bytesPerConnection: (held - before) / (counts['connections'] ?? NaN),
    }),
  };
}

function publishedSince(earlier: Metrics, now: Metrics): { messages: number; entries: number } {
  const since = (part: string) => {
    const value = (metrics: Metrics) => metrics.value(`sixfold_batch_entries_${part}`, { stage: 'route' });
    return value(now) - value(earlier);
  };
  return { messages: since('count'), entries: since('sum') };
}

function errorsSince(earlier: Metrics, now: Metrics): Record<string, number> {
  const codes = now.labelsOf('sixfold_errors_total').map(({ code = '' }) => code);
  const count = (metrics: Metrics, code: string) => metrics.value('sixfold_errors_total', { code });
  const since = codes.map((code) => [code, count(now, code) - count(earlier, code)] as const);
  return Object.fromEntries(since.filter(([, n]) => n > 0));
}

function tablesOf(result: AttackResult): Section['tables'] {
  const { calm, attacked, memory, counts, errors, published, longestTurnMs, bytesPerConnection } = result;
  const { routingMemory } = result;
  const services = [
    { name: 'calm', ...calm },
    { name: 'attacked', ...attacked },
  ];
  const others = {
    'longest turn ms': longestTurnMs,
    'AMQP messages to routing': published.messages,
    'entries in them': published.entries,
    ...(bytesPerConnection !== undefined && { 'KiB for each connection': bytesPerConnection / 1024 }),
  };
  const codes = Object.entries(errors).map(([code, n]) => [`error ${code}`, n] as const);
  const figures = { ...counts, ...Object.fromEntries(codes), ...others };
  return [
    tableOf(services, {
      'Honest messages': ({ name }) => name,
      'p50 / p99 ms': p50p99,
      'ratio of p99': ({ latency }) => number(latency.p99 / calm.latency.p99),
      failed: ({ failed }) => number(failed),
    }),
    tableOf([memory], {
      'Memory of the gateway': () => 'MiB',
      ...mapValues(memory, (bytes) => () => mib(bytes)),
    }),
    tableOf([routingMemory], {
      'Memory of routing': () => 'MiB',
      ...mapValues(routingMemory, (bytes) => () => mib(bytes)),
    }),
    tableOf(
      [figures],
      mapValues(figures, (value) => () => number(value)),
    ),
  ];
}
