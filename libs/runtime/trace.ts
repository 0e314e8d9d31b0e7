import type { Logger } from './logger.ts';

let sink: Logger | undefined;

/** From now on {@link trace} writes to this logger, if its level asks for that; at the start of a process. */
export function traceTo(log: Logger): void {
  sink = log.isLevelEnabled('trace') ? log : undefined;
}

/**
 * One step of one message on its way, as a log line of level `trace`. All steps of a message, in all services, carry
 * its name (`from`, `id`), so that its way can be read off the logs put together. Costs next to nothing otherwise.
 *
 * @param step a packet (`msg:N`), or in a word what was done
 */
export function trace(step: string, from: string, id: string, more?: object): void {
  sink?.trace({ from, id, ...more }, step);
}
