import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Progress } from '../progress.ts';
import { killStack } from '../stack/leftovers.ts';
import { checkOut } from './checkout.ts';
import { Context } from './context.ts';
import { measureLimits } from './limits/limits.ts';
import { ATTACKS, BENCHMARKS, type LoadOptions, type ScenarioName } from './options.ts';
import { describeHost } from './report/host.ts';
import type { Section } from './report/section.ts';
import { attack } from './scenarios/attack.ts';
import { compare } from './scenarios/compare.ts';
import { http } from './scenarios/http.ts';
import { idle } from './scenarios/idle.ts';
import { loginStorm } from './scenarios/login-storm.ts';
import { closedLoop, openLoop } from './scenarios/loops.ts';
import { offlineStorm } from './scenarios/offline-storm.ts';
import { scaleOut } from './scenarios/scale-out.ts';
import { slowUsers } from './scenarios/slow-users.ts';
import { soak } from './scenarios/soak.ts';

export interface LoadResult {
  host: Awaited<ReturnType<typeof describeHost>>;
  options: LoadOptions;
  /** By the name of the scenario; `limits` are among them. */
  sections: Record<string, Section>;
}

const scenarios: Partial<Record<ScenarioName, (context: Context) => Promise<Section>>> = {
  'closed-loop': closedLoop,
  'open-loop': openLoop,
  idle,
  'login-storm': loginStorm,
  'offline-storm': offlineStorm,
  'slow-users': slowUsers,
  'scale-out': scaleOut,
  soak,
  compare,
  http,
  ...Object.fromEntries(ATTACKS.map((name) => [name, (context: Context) => attack(context, name)])),
};

/**
 * Starts everything, runs one scenario after the other, and stops it.
 *
 * @param keep told the results so far after each scenario: a later one may fail
 * @param parent folder in which the run makes its own, for data and logs
 * @throws Error when a message was lost or out of order, or a process ended: then the figures mean nothing
 */
export async function runLoad(
  options: LoadOptions,
  progress: Progress,
  keep: (result: LoadResult) => void,
  parent = tmpdir(),
): Promise<LoadResult> {
  const host = await describeHost();
  const dataDir = mkdtempSync(join(parent, 'sixfold-load-'));
  const clearUp = () => killStack(dataDir);
  process.once('exit', clearUp);
  try {
    const context = await Context.start(dataDir, options, progress.say);
    if (options.against !== undefined) context.other = await startOther(dataDir, options, progress.say);
    const result: LoadResult = { host, options, sections: {} };
    const measured = options.scenarios.some((name) => (BENCHMARKS as readonly string[]).includes(name));
    const steps = [
      ...(options.limits && measured ? [['limits', measureLimits] as const] : []),
      ...options.scenarios.map((name) => [name, scenarios[name]] as const),
    ];
    for (const [name, run] of steps) {
      if (run) result.sections[name] = await run(context);
      keep(result);
    }
    for (const one of [context, context.other]) await one?.environment[Symbol.asyncDispose]();
    rmSync(dataDir, { recursive: true, force: true, maxRetries: 3 });
    return result;
  } catch (error) {
    throw new Error(`the run failed; its logs: ${dataDir}`, { cause: error });
  } finally {
    killStack(dataDir);
    process.off('exit', clearUp);
  }
}

/** Broker, database and (later) services for the commit of `--against`. */
async function startOther(
  dataDir: string,
  options: LoadOptions,
  say: (text: string) => void,
): Promise<Context> {
  const folder = join(dataDir, 'other');
  const root = checkOut(options.against ?? '', join(folder, 'checkout'));
  return Context.start(folder, options, say, root);
}
