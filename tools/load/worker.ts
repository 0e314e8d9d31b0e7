import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { childEnvironment } from '../stack/environment.ts';
import { withLogFile } from '../stack/log-file.ts';
import type { Role } from './meter.ts';

/** Calls a function that a job exports. */
export interface Request {
  request: number;
  name: string;
  args: unknown[];
}

export type Answer = { request: number; result: unknown } | { request: number; error: string };

/** A module that exports functions. */
export type Functions<J> = Record<keyof J, (...args: never[]) => unknown>;

/** A child process that runs a job, a module of `jobs/`; its exported functions can be called from here. */
export class Worker<J extends Functions<J>> {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #requests = 0;
  #gone: string | undefined;

  constructor(job: string, { name, dataDir }: { name: string; dataDir: string }) {
    this.name = name;
    const logFile = join(dataDir, 'logs', `${name}.log`);
    this.#child = withLogFile(logFile, (fd) =>
      fork(join(import.meta.dirname, 'jobs/main.ts'), [job], {
        env: childEnvironment(dataDir, { NODE_OPTIONS: undefined }),
        // A larger nursery: what a load generator allocates is garbage at once.
        execArgv: ['--max-semi-space-size=32'],
        serialization: 'advanced',
        stdio: ['ignore', fd, fd, 'ipc'],
      }),
    );
    this.#child.on('message', (answer: Answer) => {
      this.#waiting.get(answer.request)?.(answer);
      this.#waiting.delete(answer.request);
    });
    this.#child.on('exit', (code, signal) => {
      this.#gone = `${name} ended: ${String(code ?? signal)}; see ${logFile}`;
      for (const [request, answer] of this.#waiting) answer({ request, error: this.#gone });
      this.#waiting.clear();
    });
  }

  /** @param role what several processes may have in common */
  as(role: string): Role {
    return { name: this.name, role, pid: this.#child.pid ?? 0 };
  }

  /** @throws Error when the function throws, or when the process ends */
  async call<K extends keyof J & string>(
    name: K,
    ...args: Parameters<J[K]>
  ): Promise<Awaited<ReturnType<J[K]>>> {
    if (this.#gone !== undefined) throw new Error(this.#gone);
    const request = ++this.#requests;
    const answered = new Promise<Answer>((resolve) => this.#waiting.set(request, resolve));
    this.#child.send({ request, name, args } satisfies Request);
    const answer = await answered;
    if ('error' in answer) throw new Error(`${this.name}: ${answer.error}`);
    return answer.result as Awaited<ReturnType<J[K]>>;
  }

  /** Kills the process: all its connections vanish at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#gone !== undefined) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }
}
