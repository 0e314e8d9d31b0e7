/** Functions that a worker offers; arguments and results are plain data. */
export type Api = Record<string, (...args: never[]) => unknown>;

export interface Request {
  request: number;
  name: string;
  args: unknown[];
}

export type Answer = { request: number; result: unknown } | { request: number; error: string };

/** Lets the process that started this one call its functions, until that one ends. */
export function serve(api: Api): void {
  process.on('message', (message) => {
    const { request, name, args } = message as Request;
    const answer = (result: Answer) => process.send?.(result);
    // The caller's types come from the same Api (Worker), so that the arguments fit.
    Promise.try(() => api[name]?.(...(args as never[]))).then(
      (result) => answer({ request, result }),
      (error: unknown) =>
        answer({ request, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    );
  });
  process.on('disconnect', () => process.exit());
}
