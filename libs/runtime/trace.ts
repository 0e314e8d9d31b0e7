import type { Logger } from './logger.ts';

let sink: Logger | undefined;

/** Sets the logger of {@link trace}, at the start of a process. */
export function traceTo(log: Logger): void {
  sink = log.isLevelEnabled('trace') ? log : undefined;
}

/**
 * Logs one step of one message, at level `trace`. All steps of a message, in all services, carry its name (`from`, `id`),
 * so that the merged logs show its path. Costs next to nothing at other levels.
 *
 * @param step a packet (`msg:N`), or in a word what was done
 */
export function trace(step: string, from: string, id: string, more?: object): void {
  sink?.trace({ from, id, ...more }, step);
}
