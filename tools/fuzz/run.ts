import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { SeededRandom } from '../testkit/seeded-random.ts';
import type { Progress } from '../progress.ts';
import { killStack } from '../stack/leftovers.ts';
import { signToken } from '../stack/token.ts';
import { until } from '../stack/until.ts';
import { Forger } from './forger.ts';
import { HonestPair } from './honest.ts';
import type { FuzzOptions, FuzzResult } from './options.ts';
import type { Script } from './scripts.ts';
import { HostileClients } from './hostile-clients.ts';
import { SECRET, Environment } from './environment.ts';

const LOOK_EVERY_MS = 500;
/** When everything hostile is over: how long until nothing is left of it, milliseconds. */
const PATIENCE_MS = 20_000;

/** What was sent last, as it is kept for --replay. */
export interface Recording {
  fault: string;
  seed: number;
  scripts: Script[];
  forged: { queue: string; content: string }[];
}

/**
 * Starts everything, attacks it for a while from all sides, and looks whether anybody notices.
 *
 * @param parent folder in which the run makes its own
 */
export async function runFuzz(
  options: FuzzOptions,
  progress: Progress,
  parent = tmpdir(),
): Promise<FuzzResult> {
  const dataDir = mkdtempSync(join(parent, 'sixfold-fuzz-'));
  const clearUp = () => killStack(dataDir);
  process.once('exit', clearUp);
  const environment = new Environment(dataDir, options);
  try {
    progress.say('starting broker, database and services');
    await environment.start();
    const result = await attack(environment, options, progress, dataDir);
    result.fault ??= environment.leak() ?? (await environment.stop())[0];
    if (result.fault === undefined) rmSync(dataDir, { recursive: true, force: true, maxRetries: 3 });
    return result;
  } finally {
    await environment.stop();
    killStack(dataDir);
    process.off('exit', clearUp);
  }
}

/** Everybody who takes part in a run, and what was found. */
interface Run {
  environment: Environment;
  hostileClients: HostileClients;
  forger: Forger;
  pairs: readonly HonestPair[];
  faults: string[];
  /** Ends the attack: its time is over, or something was found. */
  over: AbortController;
}

async function attack(
  environment: Environment,
  options: FuzzOptions,
  progress: Progress,
  dataDir: string,
): Promise<FuzzResult> {
  const { seed, connections, seconds, replay: file } = options;
  const hostileClients = await HostileClients.gather(environment.gateway.port);
  const forger = await Forger.open(environment.amqpUrl);
  const pairs = await honestPairs(environment, options.pairs);
  const run: Run = { environment, hostileClients, forger, pairs, faults: [], over: new AbortController() };
  const { signal } = run.over;
  const calm = new AbortController();
  const honest = pairs.map((pair, n) => guarded(run, pair.run(new SeededRandom(seed + n), calm.signal)));
  const hostile =
    file === undefined
      ? [hostileClients.run(seed, connections, signal), forge(environment, forger, options, signal)]
      : [replay(file, hostileClients)];
  await watch(run, seconds, dataDir, progress);
  await Promise.all(hostile.map((one) => guarded(run, one)));
  if (run.faults.length === 0) await guarded(run, rest(environment, forger, pairs.length));
  calm.abort();
  await Promise.all(honest);
  if (run.faults.length === 0) await look(run);
  await forger.close();
  const { faults } = run;
  const cause = faults.length > 0 ? await environment.fault() : undefined; // others notice what it causes
  if (cause !== undefined) faults.unshift(cause);
  if (faults.length > 0)
    record(dataDir, {
      fault: faults.join('\n'),
      seed,
      scripts: hostileClients.latest,
      forged: forger.latest,
    });
  return resultOf(run, dataDir);
}

/** A failure is something that was found. */
function guarded({ faults, over }: Run, work: Promise<void>): Promise<void> {
  return work.catch((error: unknown) => {
    faults.push(error instanceof Error ? error.message : String(error));
    over.abort();
  });
}

function resultOf({ hostileClients, forger, pairs, faults }: Run, dataDir: string): FuzzResult {
  return {
    fault: faults[0],
    connections: hostileClients.count,
    forged: forger.published,
    buried: forger.buried,
    delivered: pairs.reduce((sum, { delivered }) => sum + delivered, 0),
    longestMs: Math.round(Math.max(...pairs.map(({ longestMs }) => longestMs))),
    refused: pairs.reduce((sum, { refused }) => sum + refused, 0),
    dataDir,
  };
}

async function look({ environment, hostileClients, forger, faults, over }: Run): Promise<void> {
  const fault = (await environment.fault()) ?? hostileClients.fault ?? forger.fault;
  if (fault !== undefined) faults.push(fault);
  if (faults.length > 0) over.abort();
}

/** Looks again and again until the time is over, or something was found. */
async function watch(run: Run, seconds: number, dataDir: string, progress: Progress): Promise<void> {
  const { signal } = run.over;
  const began = Date.now();
  const timer = setTimeout(() => run.over.abort(), seconds * 1_000);
  while (!signal.aborted) {
    await look(run);
    const { connections, forged, buried, delivered, longestMs } = resultOf(run, dataDir);
    progress.say(
      `${Math.round((Date.now() - began) / 1_000)}/${seconds} s  ${connections} hostile connections, ` +
        `${forged} forged messages, ${buried} entries buried; ` +
        `${delivered} honest messages, the longest took ${longestMs} ms`,
    );
    await delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
  }
  clearTimeout(timer);
}

/** Everything unreadable is buried, and of the hostile connections none is left. */
async function rest(environment: Environment, forger: Forger, pairs: number): Promise<void> {
  await forger.settled(PATIENCE_MS);
  const gone = async () => (await environment.value('gateway-1', 'sixfold_connections')) === 2 * pairs;
  await until(gone, { what: 'the hostile connections to be gone', timeoutMs: PATIENCE_MS });
}

async function forge(
  environment: Environment,
  forger: Forger,
  { seed, forged }: FuzzOptions,
  signal: AbortSignal,
): Promise<void> {
  if (forged === 0) return;
  const random = new SeededRandom(seed);
  const gateway = await gatewayIncarnation(environment);
  while (!signal.aborted) {
    await forger.publish(random, gateway);
    await delay(random.wait(1_000 / forged), undefined, { signal }).catch(() => undefined);
  }
}

/** The name of the gateway's queue is told in its log only. */
async function gatewayIncarnation({ gateway }: Environment): Promise<string> {
  const found = () => /"incarnation":"([^"]+)"/.exec(readFileSync(gateway.spec.logFile, 'utf8'))?.[1];
  return (await until(found, { what: "the gateway's incarnation" })) ?? '';
}

async function honestPairs(environment: Environment, count: number): Promise<HonestPair[]> {
  const url = `ws://127.0.0.1:${environment.gateway.port}/ws`;
  const token = (user: string) => signToken(SECRET, user);
  return Promise.all(
    Array.from({ length: count }, async (_, n) => {
      const [from, to] = [`honest-${n}-a`, `honest-${n}-b`];
      return new HonestPair(url, to, [await token(from), await token(to)]);
    }),
  );
}

async function replay(file: string, hostileClients: HostileClients): Promise<void> {
  const { scripts } = JSON.parse(readFileSync(file, 'utf8')) as Recording;
  for (const script of scripts) await hostileClients.play(script);
}

function record(dataDir: string, recording: Recording): void {
  writeFileSync(join(dataDir, 'recording.json'), JSON.stringify(recording, undefined, 1));
}
