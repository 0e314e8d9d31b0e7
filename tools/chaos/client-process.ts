import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { childEnvironment } from '../stack/environment.ts';
import { withLogFile } from '../stack/log-file.ts';
import type { ClientHost } from './client-host.ts';
import { Counter, type Counts } from './clients/counter.ts';
import type { Command, Orders } from './clients/orders.ts';
import { ProcessClock } from './clock/clock.ts';
import { SmallDisk } from './disk.ts';
import { type ClientEvent, readHistory } from './history.ts';

export interface ClientProcessOptions {
  /** `clients-1`, … */
  name: string;
  /** Root of the work tree whose client library it uses. */
  root: string;
  dataDir: string;
  orders: Omit<Orders, 'run' | 'dir' | 'storageDir'>;
}

/** A process full of clients, as the nemesis and the checker see it. Starts at once. */
export class ClientProcess implements ClientHost {
  readonly name: string;
  readonly clock: ProcessClock;
  /** Where its clients keep their storage, if we may mount a disk; else that is beside the history. */
  readonly disk: SmallDisk | undefined;
  /** Ends that no one asked for, in words. */
  readonly crashes: string[] = [];
  readonly #options: ClientProcessOptions;
  readonly #dir: string;
  /** One for each run of the process. */
  readonly #counters: Counter[] = [];
  #child: ChildProcess | undefined;
  #settling = false;
  #ending = false;

  constructor(options: ClientProcessOptions) {
    this.#options = options;
    this.name = options.name;
    this.#dir = join(options.dataDir, options.name);
    mkdirSync(this.#dir, { recursive: true });
    this.disk = SmallDisk.possible ? new SmallDisk(join(this.#dir, 'disk')) : undefined;
    this.clock = new ProcessClock(join(options.dataDir, `${options.name}.clock`));
    void this.restart();
  }

  /** Starts the process, for the first time or again with the storage of its clients. */
  restart(): Promise<void> {
    const { root, dataDir, orders } = this.#options;
    const run = this.#counters.push(new Counter());
    const complete: Orders = { ...orders, run, dir: this.#dir, storageDir: this.disk?.dir ?? this.#dir };
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
    child.on('message', (counter: Counter) => (this.#counters[run - 1] = counter));
    child.on('exit', (code, signal) => {
      if (child === this.#child && !this.#ending)
        this.crashes.push(`${this.name} ended by itself: ${String(code ?? signal)}; see ${logFile}`);
    });
    if (this.#settling) this.#tell('settle');
    return Promise.resolve();
  }

  /** Kills the process: its clients lose what they had not written down. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    await ended(child, () => child?.kill('SIGKILL'));
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Clients stop sending, and come back unless they left. */
  settle(): void {
    this.#settling = true;
    this.#tell('settle');
  }

  /** Closes all clients in good order. */
  async end(): Promise<void> {
    this.#ending = true;
    await ended(this.#child, () => this.#tell('end'));
  }

  /** Of the current run. */
  get counter(): Counter {
    return this.#counters.at(-1) ?? new Counter();
  }

  /** A count over all runs of the process. */
  total(count: keyof Counts): number {
    return this.#counters.reduce((sum, counter) => sum + counter[count], 0);
  }

  history(): ClientEvent[] {
    const path = join(this.#dir, 'history.jsonl');
    return existsSync(path) ? readHistory(path) : [];
  }

  #tell(command: Command): void {
    this.#child?.send(command);
  }
}

async function ended(child: ChildProcess | undefined, end: () => void): Promise<void> {
  if (child?.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  end();
  await exit;
}
