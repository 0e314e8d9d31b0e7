import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Progress } from '../progress.ts';
import { killStack } from '../stack/leftovers.ts';
import { signToken } from '../stack/token.ts';
import { until } from '../stack/until.ts';
import { readMetrics } from '../testkit/metrics.ts';
import { SeededRandom } from '../testkit/seeded-random.ts';
import { FuzzEnvironment, SECRET } from './environment.ts';
import { Forger } from './forger.ts';
import { HonestPair } from './honest.ts';
import { HostileClients } from './hostile-clients.ts';
import type { FuzzOptions, FuzzResult } from './options.ts';
import type { Script } from './scripts.ts';

const LOOK_EVERY_MS = 500;
/** Time until nothing is left of the attack once it is over, milliseconds. */
const PATIENCE_MS = 20_000;

/** What was sent last, as --replay takes it. */
interface Recording {
  fault: string;
  seed: number;
  scripts: Script[];
  forged: { queue: string; content: string }[];
}

/**
 * Starts everything, attacks it for a while from all sides, and looks for damage.
 *
 * @param parent folder in which the run makes its own
 */
export async function runFuzz(
  options: FuzzOptions,
  progress: Progress,
  parent = tmpdir(),
): Promise<FuzzResult> {
  const dataDir = mkdtempSync(join(parent, 'sixfold-fuzz-'));
  const cleanUp = () => killStack(dataDir);
  process.once('exit', cleanUp);
  try {
    progress.say('starting broker, database and services');
    const environment = await FuzzEnvironment.start(dataDir, options);
    try {
      const result = await attack(environment, options, progress);
      result.fault ??= environment.leak() ?? (await environment.system.stop())[0];
      if (result.fault === undefined) rmSync(dataDir, { recursive: true, force: true, maxRetries: 3 });
      return result;
    } finally {
      await environment.system.stop();
    }
  } finally {
    cleanUp();
    process.off('exit', cleanUp);
  }
}

async function attack(environment: FuzzEnvironment, options: FuzzOptions, progress: Progress) {
  const hostile = await HostileClients.create(environment.gateway.port);
  const forger = await Forger.open(environment.system.amqpUrls[0] ?? '');
  const pairs = Array.from({ length: options.pairs }, () => new HonestPair());
  const run = new Run({ environment, options, hostile, forger, pairs });
  try {
    await run.attack(progress);
    return await run.finish();
  } finally {
    await forger.close();
  }
}

interface Parts {
  environment: FuzzEnvironment;
  options: FuzzOptions;
  hostile: HostileClients;
  forger: Forger;
  pairs: readonly HonestPair[];
}

/** A run with all its parts, and the faults that it found. */
class Run {
  readonly #parts: Parts;
  readonly #faults: string[] = [];
  /** Ends the attack: its time is over, or something was found. */
  readonly #over = new AbortController();
  readonly #calm = new AbortController();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Attacks until the time is over or something was found, then waits until nothing is left of the attack. */
  async attack(progress: Progress): Promise<void> {
    const { seed, connections, replay } = this.#parts.options;
    const { signal } = this.#over;
    const honest = this.#parts.pairs.map((pair, n) => this.#guarded(this.#runPair(pair, n)));
    const hostile =
      replay === undefined
        ? [this.#parts.hostile.run(seed, connections, signal), this.#forge(signal)]
        : [this.#replay(replay)];
    await this.#watch(progress);
    await Promise.all(hostile.map((one) => this.#guarded(one)));
    if (this.#faults.length === 0) await this.#guarded(this.#rest());
    this.#calm.abort();
    await Promise.all(honest);
    if (this.#faults.length === 0) await this.#look();
  }

  /** Records what was sent, if something was found. */
  async finish(): Promise<FuzzResult> {
    const faults = this.#faults;
    const { dataDir } = this.#parts.environment.system;
    const cause = faults.length > 0 ? await this.#parts.environment.fault() : undefined; // others notice its effects
    if (cause !== undefined) faults.unshift(cause);
    const sent = { scripts: this.#parts.hostile.latest, forged: this.#parts.forger.latest };
    const recording: Recording = { fault: faults.join('\n'), seed: this.#parts.options.seed, ...sent };
    if (faults.length > 0)
      writeFileSync(join(dataDir, 'recording.json'), JSON.stringify(recording, undefined, 1));
    return { fault: faults[0], ...this.#counts(), dataDir };
  }

  #counts() {
    const sum = (of: (pair: HonestPair) => number) =>
      this.#parts.pairs.reduce((all, pair) => all + of(pair), 0);
    return {
      connections: this.#parts.hostile.count,
      http: this.#parts.hostile.http,
      forged: this.#parts.forger.published,
      buried: this.#parts.forger.buried,
      delivered: sum(({ delivered }) => delivered),
      longestMs: Math.round(Math.max(...this.#parts.pairs.map(({ longestMs }) => longestMs))),
      refused: sum(({ refused }) => refused),
    };
  }

  /** A failure is something that was found. */
  #guarded(work: Promise<void>): Promise<void> {
    return work.catch((error: unknown) => {
      this.#faults.push(error instanceof Error ? error.message : String(error));
      this.#over.abort();
    });
  }

  async #look(): Promise<void> {
    const fault =
      (await this.#parts.environment.fault()) ?? this.#parts.hostile.fault ?? this.#parts.forger.fault;
    if (fault !== undefined) this.#faults.push(fault);
    if (this.#faults.length > 0) this.#over.abort();
  }

  /** Looks again and again until the time is over, or something was found. */
  async #watch(progress: Progress): Promise<void> {
    const { signal } = this.#over;
    const { seconds } = this.#parts.options;
    const began = Date.now();
    const timer = setTimeout(() => this.#over.abort(), seconds * 1_000);
    while (!signal.aborted) {
      await this.#look();
      const { connections, forged, buried, delivered, longestMs } = this.#counts();
      progress.say(
        `${Math.round((Date.now() - began) / 1_000)}/${seconds} s  ${connections} hostile connections, ` +
          `${forged} forged messages, ${buried} entries buried; ` +
          `${delivered} honest messages, the longest took ${longestMs} ms`,
      );
      await delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
    clearTimeout(timer);
  }

  /** Everything unreadable is buried, and no hostile connection is left. */
  async #rest(): Promise<void> {
    await this.#parts.forger.settled(PATIENCE_MS);
    const { http } = this.#parts.environment.gateway;
    const gone = async () =>
      (await readMetrics(http)).value('sixfold_connections') === 2 * this.#parts.pairs.length;
    await until(gone, { what: 'the hostile connections to be gone', timeoutMs: PATIENCE_MS });
  }

  async #runPair(pair: HonestPair, n: number): Promise<void> {
    const [from, to] = [`honest-${n}-a`, `honest-${n}-b`];
    const tokens = [await signToken(SECRET, from), await signToken(SECRET, to)] as const;
    const random = new SeededRandom(this.#parts.options.seed + n);
    await pair.run(this.#parts.environment.gateway.url, { to, tokens }, random, this.#calm.signal);
  }

  async #forge(signal: AbortSignal): Promise<void> {
    const { seed, forged } = this.#parts.options;
    if (forged === 0) return;
    const random = new SeededRandom(seed);
    const { logFile } = this.#parts.environment.gateway.spec;
    // Only its log tells the name of the gateway's queue.
    const find = () => /"incarnation":"([^"]+)"/.exec(readFileSync(logFile, 'utf8'))?.[1];
    const gateway = (await until(find, { what: "the gateway's incarnation" })) ?? '';
    while (!signal.aborted) {
      await this.#parts.forger.publish(random, gateway);
      await delay(random.wait(1_000 / forged), undefined, { signal }).catch(() => undefined);
    }
  }

  async #replay(file: string): Promise<void> {
    const { scripts } = JSON.parse(readFileSync(file, 'utf8')) as Recording;
    for (const script of scripts) await this.#parts.hostile.play(script);
  }
}
