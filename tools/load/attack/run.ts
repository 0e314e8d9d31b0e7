import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { killStack } from '../../stack/leftovers.ts';
import { type Metrics, readMetrics } from '../../stack/metrics.ts';
import { memoryOf } from '../../stack/process-usage.ts';
import { until } from '../../stack/until.ts';
import { HonestUsers, type Service } from './honest.ts';
import { collectGarbage, openFilesLimit, watchMemory } from './memory.ts';
import type { AttackName, AttackOptions } from './options.ts';
import { startRaid } from './raid.ts';
import { startWorld, type World } from './world.ts';

/** What an attack did. Memory is the gateway's, bytes; `before`, `held` and `after` are what it needs, without garbage. */
export interface AttackResult {
  attack: AttackName;
  calm: Service;
  attacked: Service;
  memory: { before: number; peak: number; held: number; after: number };
  /** Longest turn of the gateway's event loop while it was attacked, milliseconds. */
  longestTurnMs: number;
  /** What waited for clients to read it, at the end of the attack, bytes. */
  sendBufferBytes: number;
  /** Messages that the gateway held for clients then. */
  inflightMessages: number;
  /** What the attackers counted. */
  counts: Readonly<Record<string, number>>;
  /** Errors and closes that the gateway gave meanwhile, by code. */
  errors: Record<string, number>;
}

/** Files that a process has open beside the clients' sockets, at most. */
const OTHER_FILES = 500;
/** Memory falls as long as it is below this share of what it was so much earlier (milliseconds). */
const FALLING = 0.99;
const SETTLE_MS = 500;
/** How long the gateway may take to forget clients that have vanished, milliseconds. */
const FORGET_MS = 60_000;

/**
 * Starts everything, attacks the gateway in one way after the other, and looks at its memory and at what honest users
 * feel of it.
 *
 * @param parent folder in which the run makes its own
 * @throws Error when the run itself fails: too few open files are allowed, or a service ends
 */
export async function runAttacks(
  options: AttackOptions,
  say: (text: string) => void,
  parent = tmpdir(),
): Promise<AttackResult[]> {
  const needed = options.connections + OTHER_FILES;
  if (openFilesLimit() < needed)
    throw new Error(`${needed} open files must be allowed (ulimit -Hn), not ${openFilesLimit()}`);
  const dataDir = mkdtempSync(join(parent, 'sixfold-attack-'));
  const clearUp = () => killStack(dataDir);
  process.once('exit', clearUp);
  try {
    say('starting');
    const world = await startWorld(dataDir, options);
    const honest = new HonestUsers();
    const results: AttackResult[] = [];
    try {
      await honest.start(world.target, options.pairs);
      for (const attack of options.attacks)
        results.push(await attackOnce({ attack, world, honest, options, dataDir, say }));
    } finally {
      await honest.stop();
      await world.stop();
    }
    rmSync(dataDir, { recursive: true, force: true, maxRetries: 3 });
    return results;
  } finally {
    killStack(dataDir);
    process.off('exit', clearUp);
  }
}

interface Scene {
  attack: AttackName;
  world: World;
  honest: HonestUsers;
  options: AttackOptions;
  dataDir: string;
  say: (text: string) => void;
}

async function attackOnce({ attack, world, honest, options, dataDir, say }: Scene): Promise<AttackResult> {
  const { gateway, http, target } = world;
  say(`${attack}: calm`);
  honest.take();
  await delay(options.seconds * 1_000);
  const calm = honest.take();
  const before = await leastMemory(world);
  honest.take();

  say(`${attack}: attack`);
  const earlier = await readMetrics(http);
  const peak = watchMemory(gateway.pid);
  const { connections, rounds, raiders } = options;
  const raid = startRaid(dataDir, { attack, target, connections, rounds, raiders });
  try {
    await raid.strong;
    if (attack !== 'storm') await delay(options.seconds * 1_000);
    const attacked = honest.take();
    const now = await readMetrics(http);
    const highest = peak();
    const held = await memoryInUse(world);
    await raid.end();
    say(`${attack}: afterwards`);
    await until(async () => (await readMetrics(http)).value('sixfold_sessions') === 2 * options.pairs, {
      what: 'the gateway to forget the attackers',
      timeoutMs: FORGET_MS,
      intervalMs: 500,
    });
    const after = await leastMemory(world);
    return {
      attack,
      calm,
      attacked,
      memory: { before, peak: highest, held, after },
      longestTurnMs: now.value('nodejs_eventloop_lag_max_seconds') * 1_000,
      sendBufferBytes: now.value('sixfold_send_buffer_bytes'),
      inflightMessages: now.value('sixfold_inflight_messages'),
      counts: raid.counts(),
      errors: errorsSince(earlier, now),
    };
  } finally {
    peak();
    await raid.end();
  }
}

/** Without garbage. */
async function memoryInUse({ gateway, inspector }: World): Promise<number> {
  await collectGarbage(inspector);
  return memoryOf(gateway.pid);
}

/** Once what is under way (messages on their way back to a mailbox, say) is done: when it does not fall any more. */
async function leastMemory(world: World): Promise<number> {
  for (let least = await memoryInUse(world); ;) {
    await delay(SETTLE_MS);
    const now = await memoryInUse(world);
    if (now > least * FALLING) return Math.min(now, least);
    least = now;
  }
}

function errorsSince(earlier: Metrics, now: Metrics): Record<string, number> {
  const codes = now.labelsOf('sixfold_errors_total').map(({ code = '' }) => code);
  const since = (code: string) => {
    const [a, b] = [earlier, now].map((metrics) => metrics.value('sixfold_errors_total', { code }));
    return (b ?? 0) - (a ?? 0);
  };
  return Object.fromEntries(codes.map((code) => [code, since(code)] as const).filter(([, n]) => n > 0));
}
