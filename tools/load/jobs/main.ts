import type { Answer, Request } from '../worker.ts';

/** Runs a job, the only argument, until the parent process ends; see {@link Worker}. */
const job = import(`./${process.argv[2]}.ts`) as Promise<Record<string, (...args: unknown[]) => unknown>>;
const answer = (result: Answer) => process.send?.(result);

process.on('message', ({ request, name, args }: Request) => {
  job
    .then((functions) => functions[name]?.(...args))
    .then(
      (result) => answer({ request, result }),
      (error: unknown) =>
        answer({ request, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    );
});
process.on('disconnect', () => process.exit());
