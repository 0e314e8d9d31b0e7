import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Progress } from '../progress.ts';
import { killStack, unmountBelow } from '../stack/leftovers.ts';
import { check, type Verdict } from './check/check.ts';
import { factsOf } from './check/facts.ts';
import { timelineOf } from './check/timeline.ts';
import { SeededRandom } from '../testkit/seeded-random.ts';
import { Nemesis } from './nemesis.ts';
import type { ChaosOptions } from './options.ts';
import { reportOf, storiesOf } from './report.ts';
import { leftBehind } from './leftovers.ts';
import { settle } from './settle.ts';
import { Environment } from './environment.ts';

export interface ChaosResult extends Verdict {
  /** For people. */
  report: string;
  /** Logs, histories and data; removed when nothing was violated. */
  dataDir: string;
}

const SAY_EVERY = 1_000;

/**
 * Starts everything, hurts it for a while, heals it, waits until all is at rest, and compares what clients saw with
 * what was promised to them.
 *
 * @param parent folder in which the run makes its own
 * @throws Error when the run itself fails, such as a server that does not start again
 */
export async function runChaos(
  options: ChaosOptions,
  progress: Progress,
  parent = tmpdir(),
): Promise<ChaosResult> {
  const dataDir = mkdtempSync(join(parent, 'sixfold-chaos-'));
  const clearUp = () => {
    killStack(dataDir);
    unmountBelow(dataDir);
  };
  process.once('exit', clearUp);
  try {
    const result = await runIn(dataDir, options, progress);
    clearUp();
    if (result.violations.length === 0) rmSync(dataDir, { recursive: true, force: true, maxRetries: 3 });
    return result;
  } finally {
    clearUp();
    process.off('exit', clearUp);
  }
}

async function runIn(dataDir: string, options: ChaosOptions, progress: Progress): Promise<ChaosResult> {
  const environment = new Environment(dataDir, options);
  const nemesis = new Nemesis(environment, options, new SeededRandom(options.seed));
  const crashes: string[] = [];
  try {
    progress.say('starting broker, database, services and clients');
    await environment.start();
    await hurt(environment, nemesis, options.seconds, progress);
    const rest = await settle(environment, options.patienceMs, (text) => progress.say(text)).catch(
      (cause: unknown) => {
        throw new Error(['The servers cannot be looked into.', ...nemesis.failures].join('\n'), { cause });
      },
    );
    progress.say('checking');
    await Promise.all(environment.clientProcesses.map((clientProcess) => clientProcess.end()));
    crashes.push(
      ...nemesis.failures,
      ...environment.clientProcesses.flatMap((clientProcess) => clientProcess.crashes),
      ...(await environment.stopServices()),
    );
    rest.undone.push(...(await leftBehind(environment)));
    return verdictOf({ environment, nemesis, rest, crashes, oneByOne: options.atOnce === 1 });
  } finally {
    await environment.stop(); // what is wrong was said already
  }
}

async function hurt(
  environment: Environment,
  nemesis: Nemesis,
  seconds: number,
  progress: Progress,
): Promise<void> {
  const began = Date.now();
  const showing = setInterval(() => {
    const sum = (count: Parameters<(typeof environment.clientProcesses)[number]['total']>[0]) =>
      environment.clientProcesses
        .reduce((total, clientProcess) => total + clientProcess.total(count), 0)
        .toLocaleString('en');
    const elapsed = Math.round((Date.now() - began) / 1_000);
    const counts = `sent ${sum('sent')}, accepted ${sum('accepted')}, handed on ${sum('handed')}`;
    const now = nemesis.wounds.join(' + ') || 'calm';
    progress.say(`${elapsed}/${seconds} s  ${counts}, ${nemesis.events.length} faults; now: ${now}`);
  }, SAY_EVERY);
  try {
    await nemesis.run(began + seconds * 1_000);
  } finally {
    clearInterval(showing);
  }
}

interface Run {
  environment: Environment;
  nemesis: Nemesis;
  rest: Awaited<ReturnType<typeof settle>>;
  crashes: string[];
  oneByOne: boolean;
}

function verdictOf({ environment, nemesis: { events: faults }, rest, crashes, oneByOne }: Run): ChaosResult {
  const { dataDir, users, clientProcesses } = environment;
  const histories = clientProcesses.map((clientProcess) => clientProcess.history());
  const steady = users.filter(({ behaviour }) => behaviour === 'stays').map(({ user }) => user);
  const { left: leftovers, undone } = rest;
  const facts = factsOf(histories);
  const verdict = check({ facts, faults, leftovers, undone, crashes, steady: new Set(steady) });
  const logDir = join(dataDir, 'logs');
  const logs = readdirSync(logDir)
    .filter((name) => /^(gateway|routing|ack)-\d+\.log$/.test(name))
    .map((name) => join(logDir, name));
  const stories = storiesOf(verdict.violations, (message) =>
    timelineOf(message, { histories, faults, logs }),
  );
  const report = reportOf(verdict, { faults, restMs: rest.tookMs, oneByOne });
  return { ...verdict, dataDir, report: stories === '' ? report : `${report}\n\n${stories}` };
}
