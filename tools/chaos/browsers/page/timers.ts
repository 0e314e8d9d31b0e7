/** What clients use of node:timers/promises, for a page. */
export function setTimeout(
  ms: number,
  value?: unknown,
  { signal }: { signal?: AbortSignal; ref?: boolean } = {},
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(new Error('aborted'));
    };
    const timer = globalThis.setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve(value);
    }, ms);
    if (signal?.aborted) stop();
    else signal?.addEventListener('abort', stop);
  });
}
