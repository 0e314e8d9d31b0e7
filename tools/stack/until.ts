import { setTimeout as delay } from 'node:timers/promises';

/** How long to wait, how often to look (both in milliseconds), and what to call it in the error. */
export interface UntilOptions {
  what: string;
  timeoutMs?: number;
  intervalMs?: number;
}

const LATE = Symbol('late');

/**
 * Polls `condition` until it returns something truthy, and returns that. A condition that throws counts
 * as "not yet"; its error is the `cause` of the failure.
 * @throws Error naming `what`, the time waited and the last thing seen.
 */
export async function until<T>(condition: () => T | Promise<T>, options: UntilOptions): Promise<T> {
  const { what, timeoutMs = 45_000, intervalMs = 25 } = options;
  const deadline = AbortSignal.timeout(timeoutMs);
  const late = aborted(deadline).then(() => LATE);
  let last = 'it never came true';
  let cause: unknown;
  while (!deadline.aborted) {
    try {
      const value = await Promise.race([condition(), late]);
      if (value === LATE) break;
      if (value) return value as T;
      [last, cause] = [`last value: ${String(value)}`, undefined];
    } catch (error) {
      [last, cause] = [`last error: ${error instanceof Error ? error.message : String(error)}`, error];
    }
    await Promise.race([delay(intervalMs), late]);
  }
  throw new Error(`waited ${timeoutMs} ms for ${what}; ${last}`, { cause });
}

/** Resolves when the signal fires, or at once if it has. */
export const aborted = (signal: AbortSignal): Promise<'aborted'> =>
  new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve('aborted'), { once: true });
    if (signal.aborted) resolve('aborted');
  });
