import { pause } from './backoff.ts';

/**
 * Runs a step again and again, with a pause between the end of one and the start of the next.
 *
 * @param step must not reject: it handles its own failures
 * @returns a function that stops; it resolves when the current step has ended
 */
export function repeat(pauseMs: number | (() => number), step: () => Promise<void>): () => Promise<void> {
  const stop = new AbortController();
  const running = (async () => {
    while (!stop.signal.aborted) {
      await step();
      await pause(typeof pauseMs === 'number' ? pauseMs : pauseMs(), stop.signal).catch(() => undefined);
    }
  })();
  return () => {
    stop.abort();
    return running;
  };
}
