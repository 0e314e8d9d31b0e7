import { setTimeout as delay } from 'node:timers/promises';
import { Backoff } from '#libs/runtime/backoff.ts';
import { type Child, describeExit } from './child.ts';
import { explain } from './failure.ts';
import { type ManagedProcess, stopProcess, waitReady } from './managed-process.ts';
import { aborted } from './until.ts';

/** A process that ran at least this long is started again without a longer and longer pause. */
const STABLE_MS = 10_000;
const BACKOFF = { baseMs: 500, maxMs: 10_000 };
const TEND_MS = 1_000;

/** What the supervisor tells. */
export interface SupervisorEvents {
  /** Something ended or came back, in one line. */
  line(text: string): void;
  /** A process has another pid than before. */
  changed(): void;
}

interface Kept {
  spec: ManagedProcess;
  child: Child;
  launchedAt: number;
  readonly backoff: Backoff;
}

/** Keeps processes running: what ends is started again, until `stop`. */
export class Supervisor {
  readonly #kept: Kept[] = [];
  readonly #stopping = new AbortController();
  readonly #events: SupervisorEvents;
  #loops: Promise<void>[] = [];

  constructor(events: SupervisorEvents) {
    this.#events = events;
  }

  /** The processes in the order they were started, with their pids of now. */
  get processes(): { spec: ManagedProcess; pid: number; running: boolean }[] {
    return this.#kept.map(({ spec, child }) => ({ spec, pid: child.pid, running: child.exit === undefined }));
  }

  /** Kills a process, which is then started again. @returns whether it ran */
  kill(name: string): boolean {
    const child = this.#kept.find(({ spec }) => spec.name === name)?.child;
    return child?.exit === undefined && child?.kill('SIGKILL') === true;
  }

  /** Starts a process and waits until it is ready. A first start that fails is an error. */
  async start(spec: ManagedProcess): Promise<void> {
    const child = await spec.launch();
    if (this.#stopping.signal.aborted) {
      await stopProcess(spec, child, AbortSignal.abort());
      throw new Error(`${spec.name} is not wanted any more`);
    }
    const kept = { spec, child, launchedAt: Date.now(), backoff: new Backoff(BACKOFF) };
    this.#kept.push(kept);
    await waitReady(spec, child);
    this.#loops.push(this.#keepRunning(kept));
  }

  /** Ends the processes, rank after rank. When `force` fires, everything is killed at once. */
  async stop(force: AbortSignal): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#loops);
    const byRank = Map.groupBy(this.#kept, ({ spec }) => spec.stopRank);
    for (const [, members] of [...byRank].toSorted(([a], [b]) => a - b))
      await Promise.all(members.map((kept) => this.#end(kept, force)));
  }

  async #keepRunning(kept: Kept): Promise<void> {
    const tending = setInterval(() => kept.spec.tend?.(kept.child), TEND_MS);
    const stopped = aborted(this.#stopping.signal);
    while ((await Promise.race([stopped, kept.child.exited])) !== 'aborted') await this.#relaunch(kept);
    clearInterval(tending);
  }

  async #relaunch(kept: Kept): Promise<void> {
    const { spec, child, backoff } = kept;
    if (Date.now() - kept.launchedAt > STABLE_MS) backoff.reset();
    const why = child.exit ? describeExit(child.exit) : 'no exit';
    this.#events.line(`${spec.name} (pid ${child.pid}) ended: ${why}; starting it again`);
    await spec.afterExit?.();
    const { signal } = this.#stopping;
    do await delay(backoff.next(), undefined, { signal }).catch(() => undefined);
    while (!signal.aborted && !(await this.#launch(kept)));
  }

  async #launch(kept: Kept): Promise<boolean> {
    try {
      kept.child = await kept.spec.launch();
    } catch (error) {
      this.#events.line(`${kept.spec.name} cannot be started: ${explain(error)}`);
      return false;
    }
    kept.launchedAt = Date.now();
    this.#events.changed();
    void this.#announceReady(kept.spec, kept.child);
    return true;
  }

  async #announceReady(spec: ManagedProcess, child: Child): Promise<void> {
    const since = Date.now();
    const tell = (text: string) => this.#events.line(`${spec.name} ${text}`);
    try {
      await waitReady(spec, child);
      tell(`is back (pid ${child.pid}), ready after ${((Date.now() - since) / 1000).toFixed(1)} s`);
    } catch {
      // It ended again, which is reported anyway, or it waits for another process that is down.
      if (!child.exit) tell(`(pid ${child.pid}) runs but is not ready yet: ${spec.logFile}`);
    }
  }

  async #end({ spec, child }: Kept, force: AbortSignal): Promise<void> {
    const { forced } = await stopProcess(spec, child, force);
    if (forced && !force.aborted)
      this.#events.line(`${spec.name} did not end within ${spec.stopTimeoutMs / 1000} s and was killed`);
  }
}
