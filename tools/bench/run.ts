import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Progress } from '../progress.ts';
import { killStack } from '../stack/leftovers.ts';
import { brokerLimit } from './limits/broker.ts';
import { echoLimit } from './limits/echo.ts';
import type { Limit } from './limits/limit.ts';
import type { BenchOptions, World } from './options.ts';
import { describeHost, type Host } from './report/host.ts';
import { closedLoop, fleetOf, openLoop, type Point } from './scenarios/loops.ts';
import { Ground } from './world.ts';

export interface BenchResult {
  host: Host;
  options: BenchOptions;
  limits: Limit[];
  closedLoop: Point[];
  openLoop: Point[];
}

/** Messages in one AMQP message: as they come, and as a busy gateway gathers them. */
const BATCHES = [1, 32];

/**
 * Starts everything, measures one scenario after the other, and stops it.
 *
 * @param parent folder in which the run makes its own, for data and logs
 * @throws Error when a message was lost, came twice or out of order, or a process ended: then the figures mean nothing
 */
export async function runBench(
  options: BenchOptions,
  progress: Progress,
  parent = tmpdir(),
): Promise<BenchResult> {
  const host = await describeHost();
  const dataDir = mkdtempSync(join(parent, 'sixfold-bench-'));
  const clearUp = () => killStack(dataDir);
  process.once('exit', clearUp);
  const result: BenchResult = { host, options, limits: [], closedLoop: [], openLoop: [] };
  try {
    progress.say('starting broker and database');
    const ground = await Ground.start(dataDir, options.ground);
    await runIn({ ground, options, result, progress });
    await ground.stop();
    rmSync(dataDir, { recursive: true, force: true, maxRetries: 3 });
    return result;
  } catch (error) {
    throw new Error(`the run failed; its logs: ${dataDir}`, { cause: error });
  } finally {
    killStack(dataDir);
    process.off('exit', clearUp);
  }
}

interface Run {
  ground: Ground;
  options: BenchOptions;
  result: BenchResult;
  progress: Progress;
}

async function runIn(run: Run): Promise<void> {
  if (run.options.limits) await limits(run);
  await loops(run);
}

async function limits({ ground, options, result, progress }: Run): Promise<void> {
  const { pairs, seconds, warmup, bodyBytes, generators } = options;
  const { dataDir, amqpUrl, roles } = ground;
  const outstanding = pairs * Math.max(1, ...options.outstanding);
  const common = { dataDir, bodyBytes, seconds, warmup };
  for (const batch of BATCHES) {
    progress.say(`limit of the broker, ${batch} in one AMQP message`);
    const queueType = options.env?.['QUEUE_TYPE'] ?? process.env['QUEUE_TYPE'] ?? 'quorum';
    const broker = roles.filter(({ role }) => role === 'rabbitmq');
    result.limits.push(
      await brokerLimit({ ...common, amqpUrl, queueType, batch, outstanding, roles: broker }),
    );
  }
  progress.say('limit of WebSockets');
  result.limits.push(
    await echoLimit({ ...common, pairs, outstanding: Math.max(1, ...options.outstanding), generators }),
  );
}

/** Closed and open loop, with the same services. */
async function loops({ ground, options, result, progress }: Run): Promise<void> {
  const closed = options.scenarios.includes('closed-loop') ? options.outstanding : [];
  const open = options.scenarios.includes('open-loop') ? options.rates : [];
  if (closed.length + open.length === 0) return;
  progress.say('starting services');
  await withWorld(ground, options, async (world) => {
    for (const outstanding of closed) {
      progress.say(`closed loop, ${options.pairs} pairs x ${outstanding}`);
      await withFleet(world, ground.dataDir, options, async (fleet) => {
        result.closedLoop.push(await closedLoop(fleet, world, options, outstanding));
      });
    }
    for (const rate of open) {
      progress.say(`open loop, ${rate} messages/s`);
      await withFleet(world, ground.dataDir, options, async (fleet) => {
        result.openLoop.push(await openLoop(fleet, world, options, rate));
      });
    }
  });
}

async function withWorld(
  ground: Ground,
  options: BenchOptions,
  work: (world: World) => Promise<void>,
): Promise<void> {
  const { outstanding } = options;
  const window = Math.max(128, ...outstanding);
  const env = { SEND_WINDOW: String(window), RECEIVE_WINDOW: String(window), ...options.env };
  const world = await ground.services(options, { ...options, env });
  try {
    await work(world);
  } finally {
    await world.stop();
  }
}

async function withFleet(
  world: World,
  dataDir: string,
  options: BenchOptions,
  work: (fleet: Awaited<ReturnType<typeof fleetOf>>) => Promise<void>,
): Promise<void> {
  const fleet = await fleetOf(world, dataDir, options);
  try {
    await work(fleet);
  } finally {
    await fleet.end();
  }
}
