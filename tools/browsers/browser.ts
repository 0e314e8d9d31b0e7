import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Child, startChild } from '../stack/child.ts';
import { childEnvironment } from '../stack/environment.ts';
import { debianProgram, locate } from '../stack/install.ts';
import { type ManagedProcess, startProcess } from '../stack/managed-process.ts';
import { sendSignal } from '../stack/processes.ts';
import { chromium } from './driver/chromium.ts';
import type { BrowserKind, Driver, Tab } from './driver/driver.ts';
import { firefox } from './driver/firefox.ts';

const KINDS = { chromium, firefox } as const;

/** The browsers that tests drive. */
export type BrowserName = keyof typeof KINDS;

export const BROWSER_NAMES = Object.keys(KINDS) as BrowserName[];

/**
 * A real browser, headless, with a profile of its own, in a process group of its own.
 *
 *     await using browser = await Browser.start('firefox', dataDir);
 *     const tab = await browser.open(site.url);
 *     await browser.restart(); // after a kill -9, with the same profile; tabs are gone
 */
export class Browser implements AsyncDisposable {
  readonly name: BrowserName;
  readonly #kind: BrowserKind;
  readonly #process: ManagedProcess;
  #child: Child;
  #driver: Driver;

  private constructor(name: BrowserName, process: ManagedProcess, running: Running) {
    this.name = name;
    this.#kind = KINDS[name];
    this.#process = process;
    this.#child = running.child;
    this.#driver = running.driver;
  }

  /**
   * Starts it with a new profile in `dataDir`, which is also the mark of its processes. Its program is installed with apt if
   * it is missing.
   * @param watch called before it starts
   * @throws Error that says how to install it, where that cannot be done from here
   */
  static async start(
    name: BrowserName,
    dataDir: string,
    watch?: (spec: ManagedProcess) => void,
  ): Promise<Browser> {
    const kind = KINDS[name];
    const profile = join(dataDir, `profile-${name}`);
    await mkdir(profile);
    await kind.prepare(profile);
    const process = await plan(kind, profile, dataDir);
    watch?.(process);
    return new Browser(name, process, await run(kind, process));
  }

  /** The main process: of all the others it is the ancestor. */
  get pid(): number {
    return this.#child.pid;
  }

  open(url: string): Promise<Tab> {
    return this.#driver.open(url);
  }

  /** Ends all its processes at once: nothing is written any more. */
  async kill(): Promise<void> {
    this.#driver.close();
    sendSignal(-this.#child.pid, 'SIGKILL');
    await this.#child.exited;
  }

  /** Kills it if it still runs, and starts it again with the same profile. */
  async restart(): Promise<void> {
    await this.kill();
    const { child, driver } = await run(this.#kind, this.#process);
    [this.#child, this.#driver] = [child, driver];
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}

interface Running {
  child: Child;
  driver: Driver;
}

/** What it printed since it was started. */
const printed = (logFile: string, { logStart }: Child): string =>
  readFileSync(logFile).subarray(logStart).toString();

async function run(kind: BrowserKind, process: ManagedProcess): Promise<Running> {
  const child = await startProcess(process);
  const [, address = ''] = kind.listening.exec(printed(process.logFile, child)) ?? [];
  return { child, driver: await kind.connect(address) };
}

async function plan(kind: BrowserKind, profile: string, dataDir: string): Promise<ManagedProcess> {
  const { name, debianPackage, listening } = kind;
  const found = kind.programs.find((program) => locate(program) !== undefined) ?? debianPackage;
  const command = await debianProgram(found, debianPackage);
  const logFile = join(dataDir, 'logs', `${name}.log`);
  // A browser looks for settings and fonts below HOME, and writes there.
  const env = childEnvironment(dataDir, { ...kind.env, HOME: profile });
  let child: Child | undefined;
  return {
    ...{ name, logFile, port: 0, stopRank: 0, stopSignal: 'SIGTERM' as const },
    ...{ stopTimeoutMs: 0, startTimeoutMs: 120_000 },
    launch: async () =>
      (child = await startChild({ command, args: kind.args(profile), env, cwd: profile, logFile })),
    isReady: () => Promise.resolve(child !== undefined && listening.test(printed(logFile, child))),
  };
}
