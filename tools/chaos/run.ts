import { globSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Progress } from '../progress.ts';
import { killStack, unmountBelow } from '../stack/leftovers.ts';
import { SeededRandom } from '../testkit/seeded-random.ts';
import { check, type Evidence, type Verdict } from './check/check.ts';
import { factsOf } from './check/facts.ts';
import { timelineOf } from './check/timeline.ts';
import type { Counts } from './clients/counter.ts';
import { type ChaosEnvironment, startEnvironment } from './environment.ts';
import { inQueues } from './leftovers.ts';
import { Nemesis } from './nemesis.ts';
import type { FaultName } from './faults/faults.ts';
import type { ChaosOptions } from './options.ts';
import { reportOf, storiesOf } from './report.ts';
import { type Rest, settle, settleEvents } from './settle.ts';
import { NEVER_THERE, steadyUsers } from './users.ts';

export interface ChaosResult extends Verdict {
  /** For people. */
  report: string;
  /** Logs, histories and data; removed when nothing was violated. */
  dataDir: string;
}

const SAY_EVERY_MS = 1_000;

/**
 * Starts everything, injects faults for a while, heals them, waits until all is at rest, and compares what clients saw
 * with what they were promised.
 *
 * @param parent folder in which the run makes its own
 * @throws Error when the run itself fails, such as a server that does not start again
 */
export async function runChaos(
  options: ChaosOptions<FaultName>,
  progress: Progress,
  parent = tmpdir(),
): Promise<ChaosResult> {
  const dataDir = mkdtempSync(join(parent, 'sixfold-chaos-'));
  const cleanUp = () => {
    killStack(dataDir);
    unmountBelow(dataDir);
  };
  process.once('exit', cleanUp);
  try {
    const result = await runIn(dataDir, options, progress);
    cleanUp();
    if (result.violations.length === 0) rmSync(dataDir, { recursive: true, force: true, maxRetries: 3 });
    return result;
  } finally {
    cleanUp();
    process.off('exit', cleanUp);
  }
}

async function runIn(
  dataDir: string,
  options: ChaosOptions<FaultName>,
  progress: Progress,
): Promise<ChaosResult> {
  progress.say('starting broker, database, services and clients');
  const environment = await startEnvironment(dataDir, options);
  const nemesis = new Nemesis(environment, options, new SeededRandom(options.seed));
  try {
    await disturb(environment, nemesis, options.seconds, progress);
    const rest = await settle(environment, options.patienceMs, progress.say).catch((cause: unknown) => {
      throw new Error(['The servers are out of reach.', ...nemesis.failures].join('\n'), { cause });
    });
    const { clientProcesses, system } = environment;
    await Promise.all(clientProcesses.map((process) => process.end()));
    if (rest.undone.length === 0) {
      const after = await settleEvents(environment, options.patienceMs, progress.say);
      rest.undone.push(...after.undone);
      rest.leftovers = { ...rest.leftovers, sessions: after.leftovers.sessions };
    }
    const events = environment.endpoint?.seen.slice();
    progress.say('checking');
    const crashes = [
      ...nemesis.failures,
      ...clientProcesses.flatMap((process) => process.crashes),
      ...(await system.stopServices()),
      ...(environment.endpoint?.forged ?? []),
    ];
    // What a consumer never settled is back in its queue.
    const { queued } = await inQueues(environment);
    if (queued > 0) rest.undone.push(`${queued} messages left in queues behind services that have stopped`);
    return resultOf(environment, nemesis, rest, { crashes, events, oneByOne: options.atOnce === 1 });
  } finally {
    await environment.stop();
  }
}

async function disturb(
  { clientProcesses }: ChaosEnvironment,
  nemesis: Nemesis,
  seconds: number,
  progress: Progress,
): Promise<void> {
  const began = Date.now();
  const sum = (count: keyof Counts) =>
    clientProcesses.reduce((total, process) => total + process.total(count), 0).toLocaleString('en');
  const showing = setInterval(() => {
    const elapsed = Math.round((Date.now() - began) / 1_000);
    const counts = `sent ${sum('sent')}, accepted ${sum('accepted')}, handed on ${sum('handed')}`;
    const open = nemesis.events.filter(({ healed }) => healed === undefined);
    const now = open.map(({ fault, target }) => `${fault} ${target}`).join(' + ') || 'calm';
    progress.say(`${elapsed}/${seconds} s  ${counts}, ${nemesis.events.length} faults; now: ${now}`);
  }, SAY_EVERY_MS);
  try {
    await nemesis.run(began + seconds * 1_000);
  } finally {
    clearInterval(showing);
  }
}

function resultOf(
  { system: { dataDir }, users, clientProcesses }: ChaosEnvironment,
  { events: faults }: Nemesis,
  { leftovers, undone, tookMs: restMs }: Rest,
  { crashes, events, oneByOne }: Pick<Evidence, 'crashes' | 'events'> & { oneByOne: boolean },
): ChaosResult {
  const histories = clientProcesses.map((process) => process.history());
  const verdict = check({
    facts: factsOf(histories, NEVER_THERE),
    faults,
    leftovers,
    undone,
    crashes,
    events,
    steady: steadyUsers(users),
  });
  const logs = globSync(join(dataDir, 'logs/{gateway,routing,ack,webhook}-*.log'));
  const stories = storiesOf(verdict.violations, (message) =>
    timelineOf(message, { histories, faults, logs }),
  );
  const report = reportOf(verdict, { faults, restMs, oneByOne });
  return { ...verdict, dataDir, report: stories === '' ? report : `${report}\n\n${stories}` };
}
