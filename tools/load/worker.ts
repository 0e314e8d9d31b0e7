import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { childEnvironment } from '../stack/environment.ts';
import { withLogFile } from '../stack/log-file.ts';
import type { Answer, Api, Request } from './serve.ts';

/** A child process whose functions can be called from here, see {@link serve}. */
export class Worker<A extends Api> {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #requests = 0;
  #gone: string | undefined;

  /** @param script relative to this folder */
  constructor(script: string, { name, dataDir }: { name: string; dataDir: string }) {
    this.name = name;
    const logFile = join(dataDir, 'logs', `${name}.log`);
    this.#child = withLogFile(logFile, (fd) =>
      fork(join(import.meta.dirname, script), {
        env: childEnvironment(dataDir, { NODE_OPTIONS: undefined }),
        // A larger nursery: what a load generator makes is garbage at once.
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

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Calls a function of the worker. @throws Error when it throws, or when the worker ends */
  async call<K extends keyof A & string>(
    name: K,
    ...args: Parameters<A[K]>
  ): Promise<Awaited<ReturnType<A[K]>>> {
    if (this.#gone !== undefined) throw new Error(this.#gone);
    const request = ++this.#requests;
    const answered = new Promise<Answer>((resolve) => this.#waiting.set(request, resolve));
    this.#child.send({ request, name, args } satisfies Request);
    const answer = await answered;
    if ('error' in answer) throw new Error(`${this.name}: ${answer.error}`);
    return answer.result as Awaited<ReturnType<A[K]>>;
  }

  async end(): Promise<void> {
    if (this.#gone !== undefined) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill();
    await gone;
  }
}
