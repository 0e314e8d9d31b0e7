import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { childEnvironment } from '../stack/environment.ts';
import { withLogFile } from '../stack/log-file.ts';
import { ProcessClock } from './clock/clock.ts';
import type { Command, Orders } from './clients/main.ts';
import { Counter } from './clients/counter.ts';
import type { SmallDisk } from './disk.ts';
import { type ClientEvent, readHistory } from './history.ts';

export interface ClientProcessOptions {
  /** `clients-1`, … */
  name: string;
  /** Root of the work tree whose client library it uses. */
  root: string;
  dataDir: string;
  /** Where its clients keep what they store; without it, beside the history. */
  disk: SmallDisk | undefined;
  orders: Omit<Orders, 'run' | 'dir' | 'storageDir'>;
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess) => exitCode !== null || signalCode !== null;

/** A process full of clients, as the nemesis and the checker see it. */
export class ClientProcess {
  readonly name: string;
  readonly clock: ProcessClock;
  readonly disk: SmallDisk | undefined;
  /** Ends that nobody had asked for, in words. */
  readonly crashes: string[] = [];
  readonly #options: ClientProcessOptions;
  readonly #dir: string;
  #run = 0;
  #child: ChildProcess | undefined;
  #settling = false;
  #ending = false;
  #counter = new Counter();
  /** Of the runs that were killed. */
  readonly #earlier: Counter[] = [];

  constructor(options: ClientProcessOptions) {
    this.#options = options;
    this.name = options.name;
    this.disk = options.disk;
    this.clock = new ProcessClock(join(options.dataDir, `${options.name}.clock`));
    this.#dir = join(options.dataDir, options.name);
  }

  /** Starts the process, for the first time or again with what its clients had in storage. */
  start(): void {
    const { root, dataDir, orders } = this.#options;
    const storageDir = this.disk?.dir ?? this.#dir;
    const complete: Orders = { ...orders, run: ++this.#run, dir: this.#dir, storageDir };
    this.#earlier.push(this.#counter);
    this.#counter = new Counter();
    const logFile = join(dataDir, 'logs', `${this.name}.log`);
    const child = withLogFile(logFile, (fd) =>
      fork(join(root, 'tools/chaos/clients/main.ts'), [JSON.stringify(complete)], {
        cwd: root,
        env: childEnvironment(dataDir, this.clock.env),
        execArgv: [],
        stdio: ['ignore', fd, fd, 'ipc'],
      }),
    );
    this.#child = child;
    child.on('message', (counter: Counter) => (this.#counter = counter));
    child.on('exit', (code, signal) => {
      if (child === this.#child && !this.#ending)
        this.crashes.push(`${this.name} ended by itself: ${String(code ?? signal)}; see ${logFile}`);
    });
    if (this.#settling) this.#tell('settle');
  }

  /** Kills the process: its clients lose what they had not written down. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || hasEnded(child)) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }

  /** Nobody sends any more, and everybody who will ever come back does. */
  settle(): void {
    this.#settling = true;
    this.#tell('settle');
  }

  /** Closes all clients in good order. */
  async end(): Promise<void> {
    const child = this.#child;
    if (!child || hasEnded(child)) return;
    this.#ending = true;
    const gone = once(child, 'exit');
    this.#tell('end');
    await gone;
  }

  get counter(): Counter {
    return this.#counter;
  }

  /** A count over all runs of the process. */
  total(count: 'sent' | 'accepted' | 'handed' | 'delivered' | 'stored' | 'rejected'): number {
    return [...this.#earlier, this.#counter].reduce((sum, counter) => sum + counter[count], 0);
  }

  history(): ClientEvent[] {
    const path = join(this.#dir, 'history.jsonl');
    return existsSync(path) ? readHistory(path) : [];
  }

  #tell(command: Command): void {
    this.#child?.send(command);
  }
}
