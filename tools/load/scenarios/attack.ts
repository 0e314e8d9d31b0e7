import { constants, setPriority } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { type Metrics, readMetrics } from '../../testkit/metrics.ts';
import { until } from '../../stack/until.ts';
import type { AttackName } from '../attack/attack.ts';
import { HonestUsers, type Service } from '../attack/honest.ts';
import { leastMemory, memoryInUse, openFilesLimit, watchMemory } from '../attack/memory.ts';
import { type Context, freshTag } from '../context.ts';
import type * as Attackers from '../jobs/attackers.ts';
import { mib, number, pair } from '../report/format.ts';
import type { Section } from '../report/section.ts';

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
  const { services } = await context.attacked();
  await using honest = await HonestUsers.logIn(services.target, context.options.honestPairs, freshTag());
  const result = await attackWhile(honest, context, name);
  return { title: `Under ${name}`, tables: tablesOf(result), data: result };
}

async function attackWhile(honest: HonestUsers, context: Context, attack: AttackName) {
  const { connections, rounds, attackers: count, honestPairs, attackSeconds } = context.options;
  const { services, inspector } = await context.attacked();
  const [{ http, pid } = { http: '', pid: 0 }] = services.gateways;
  context.say(`${attack}: calm`);
  honest.take();
  await delay(attackSeconds * 1_000);
  const calm = honest.take();
  const before = await leastMemory(pid, inspector);
  honest.take();

  context.say(attack);
  const earlier = await readMetrics(http);
  using peak = watchMemory(pid);
  await using attackers = context.worker<typeof Attackers>('attackers', attack);
  // Real attackers have processors of their own; these take only what the services leave.
  setPriority(attackers.as('load').pid, constants.priority.PRIORITY_LOW);
  await attackers.call('start', { attack, target: services.target, connections, rounds, attackers: count });
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
    /** Longest turn of the gateway's event loop during the attack. */
    longestTurnMs: now.value('nodejs_eventloop_lag_max_seconds') * 1_000,
    /** What waited for clients to read it, at the end of the attack. */
    sendBufferBytes: now.value('sixfold_send_buffer_bytes'),
    /** Messages that the gateway held for clients then. */
    inflightMessages: now.value('sixfold_inflight_messages'),
    /** What the attackers counted. */
    counts,
    /** Errors and closes by code. */
    errors: errorsSince(earlier, now),
    ...(attack === 'attack-idle' && {
      bytesPerConnection: (held - before) / (counts['connections'] ?? NaN),
    }),
  };
}

function errorsSince(earlier: Metrics, now: Metrics): Record<string, number> {
  const codes = now.labelsOf('sixfold_errors_total').map(({ code = '' }) => code);
  const count = (metrics: Metrics, code: string) => metrics.value('sixfold_errors_total', { code });
  const since = codes.map((code) => [code, count(now, code) - count(earlier, code)] as const);
  return Object.fromEntries(since.filter(([, n]) => n > 0));
}

function tablesOf({
  calm,
  attacked,
  memory,
  bytesPerConnection,
  ...result
}: AttackResult): Section['tables'] {
  const row = (name: string, { latency, failed }: Service, ratio: number) => [
    name,
    pair(latency.p50, latency.p99),
    number(ratio),
    number(failed),
  ];
  const counters = {
    ...result.counts,
    ...result.errors,
    'longest turn ms': result.longestTurnMs,
    ...(bytesPerConnection !== undefined && { 'KiB for each connection': bytesPerConnection / 1024 }),
  };
  return [
    {
      head: ['Honest messages', 'p50 / p99 ms', 'ratio of p99', 'failed'],
      rows: [row('calm', calm, 1), row('attacked', attacked, result.slowdown)],
    },
    {
      head: ['Memory of the gateway', ...Object.keys(memory)],
      rows: [['MiB', ...Object.values(memory).map(mib)]],
    },
    { head: Object.keys(counters), rows: [Object.values(counters).map(number)] },
  ];
}
