import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Progress } from '../progress.ts';
import { killStack } from '../stack/leftovers.ts';
import { Context } from './context.ts';
import { measureLimits } from './limits/limits.ts';
import type { BenchOptions, ScenarioName } from './options.ts';
import { describeHost, type Host } from './report/host.ts';
import { idle } from './scenarios/idle.ts';
import { loginStorm } from './scenarios/login-storm.ts';
import { closedLoop, openLoop } from './scenarios/loops.ts';
import { offlineStorm } from './scenarios/offline-storm.ts';
import { scaleOut } from './scenarios/scale-out.ts';
import { slowUsers } from './scenarios/slow-users.ts';
import { soak } from './scenarios/soak.ts';
import type { Section } from './section.ts';
import { Ground } from './world.ts';

export interface BenchResult {
  host: Host;
  options: BenchOptions;
  /** By the name of the scenario; `limits` are among them. */
  sections: Record<string, Section>;
}

const scenarios: Record<ScenarioName, (context: Context) => Promise<Section>> = {
  'closed-loop': closedLoop,
  'open-loop': openLoop,
  idle,
  'login-storm': loginStorm,
  'offline-storm': offlineStorm,
  'slow-users': slowUsers,
  'scale-out': scaleOut,
  soak,
};

/**
 * Starts everything, measures one scenario after the other, and stops it.
 *
 * @param keep told after each scenario what is there so far: a later one may fail
 * @param parent folder in which the run makes its own, for data and logs
 * @throws Error when a message was lost or out of order, or a process ended: then the figures mean nothing
 */
export async function runBench(
  options: BenchOptions,
  progress: Progress,
  keep: (result: BenchResult) => void,
  parent = tmpdir(),
): Promise<BenchResult> {
  const host = await describeHost();
  const dataDir = mkdtempSync(join(parent, 'sixfold-bench-'));
  const clearUp = () => killStack(dataDir);
  process.once('exit', clearUp);
  try {
    progress.say('starting broker and database');
    const ground = await Ground.start(dataDir, options.ground);
    const context = new Context(ground, options, progress.say);
    const result: BenchResult = { host, options, sections: {} };
    if (options.limits) {
      result.sections['limits'] = await measureLimits(context);
      keep(result);
    }
    for (const name of options.scenarios) {
      result.sections[name] = await scenarios[name](context);
      keep(result);
    }
    await context.stopServices();
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
