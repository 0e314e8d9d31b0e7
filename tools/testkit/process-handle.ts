import { type Child, describeExit, type Exit } from '../stack/child.ts';
import { logTail } from '../stack/log-file.ts';
import { type ManagedProcess, startProcess, stopProcess } from '../stack/managed-process.ts';

/** A running process in the hands of a test or of the nemesis. An end that nobody asked for is reported at once. */
export class ProcessHandle {
  readonly spec: ManagedProcess;
  #child: Child;
  #endWanted = false;
  /** Set when the process ended by itself; `stop` then fails with it. */
  #crash: string | undefined;

  /** Takes over a process that is ready; see {@link ProcessHandle.start}. */
  constructor(spec: ManagedProcess, child: Child) {
    this.spec = spec;
    this.#child = child;
    this.#watch(child);
  }

  /** Launches the process and waits until it is ready. */
  static async start(spec: ManagedProcess): Promise<ProcessHandle> {
    return new ProcessHandle(spec, await startProcess(spec));
  }

  get name(): string {
    return this.spec.name;
  }

  get port(): number {
    return this.spec.port;
  }

  get pid(): number {
    return this.#child.pid;
  }

  get running(): boolean {
    return this.#child.exit === undefined;
  }

  /** Sends a signal and goes on at once: SIGSTOP, SIGCONT, or a SIGTERM whose effect is watched. */
  signal(signal: NodeJS.Signals): void {
    if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') this.#endWanted = true;
    this.#child.kill(signal);
  }

  /** Resolves when the process has ended. */
  async exited(): Promise<Exit> {
    const exit = await this.#child.exited;
    await this.spec.afterExit?.();
    return exit;
  }

  /** Sends a signal (default SIGKILL) and waits for the end. */
  kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Exit> {
    this.signal(signal);
    return this.exited();
  }

  /** Starts it again on the same port, after an orderly stop if it still runs, and waits until it is ready. */
  async restart(): Promise<void> {
    await this.stop();
    this.#endWanted = false;
    this.#child = await startProcess(this.spec);
    this.#watch(this.#child);
  }

  /**
   * Ends it in an orderly way; nothing to do when it has ended on demand.
   * @throws Error when it had crashed, did not end in time, or ended with another code than 0.
   */
  async stop(): Promise<void> {
    const wasRunning = this.running;
    this.signal('SIGCONT'); // it may be frozen
    this.#endWanted = true;
    const { forced, ...exit } = await stopProcess(this.spec, this.#child);
    if (this.#crash !== undefined) throw new Error(this.#crash);
    if (!wasRunning || (!forced && exit.code === 0)) return;
    const { stopSignal, stopTimeoutMs } = this.spec;
    const why = forced ? `did not end within ${stopTimeoutMs} ms of` : 'ended badly on';
    throw new Error(`${this.name} ${why} ${stopSignal} (${describeExit(exit)})\n${await this.#tail()}`);
  }

  #watch(child: Child): void {
    void child.exited.then(async (exit) => {
      if (this.#endWanted) return;
      this.#crash = `${this.name} (pid ${child.pid}) ended by itself: ${describeExit(exit)}`;
      console.error(`${this.#crash}\n${await this.#tail()}`);
    });
  }

  #tail(): Promise<string> {
    return logTail(this.spec.logFile, 40);
  }
}
