import { type Clock, systemClock } from './clock.ts';

/**
 * Limits how often a function runs: at once, and then once in `ms`; calls between do nothing. For signals that follow every
 * key, such as typing:
 *
 *     input.oninput = throttle(3_000, () => client.signal('bob', 'typing'));
 */
export function throttle(
  ms: number,
  run: () => unknown,
  clock: Pick<Clock, 'now'> = systemClock,
): () => void {
  let next = -Infinity;
  return () => {
    const now = clock.now();
    if (now < next) return;
    next = now + ms;
    run();
  };
}
