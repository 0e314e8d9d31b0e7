import type { Request, RequestHandler } from 'express';
import type { Logger } from '#libs/runtime/logger.ts';
import { whoOf } from './access/who.ts';
import { answerTo, ConsoleError } from './errors.ts';
import { actionsTotal } from './metrics.ts';
import type { Running } from './running.ts';

/** What an action is about, for the log: names, never bodies or tokens. */
export type About = Record<string, string | number | readonly string[] | undefined>;

export interface ActionOptions<A extends About> {
  /** As in the log and the metric. */
  name: string;
  /** The page asks for it again and again: logged at the level `debug`. */
  polled?: boolean;
  /** Reads the request. @throws ConsoleError */
  read: (request: Request) => A;
}

/** What every action has. */
export interface Surroundings {
  log: Logger;
  running: Running;
}

/**
 * A request as an action of the operator: done, answered with JSON, logged with its actor and outcome, and counted.
 *
 * @param perform gets what `read` made of the request
 */
export function action<A extends About>(
  { log, running }: Surroundings,
  { name, polled = false, read }: ActionOptions<A>,
  perform: (about: A) => Promise<object>,
): RequestHandler {
  return async (request, response) => {
    const who = whoOf(request);
    const began = performance.now();
    let about: About = {};
    const done = (outcome: string) => {
      actionsTotal.inc({ action: name, outcome });
      return { action: name, ...about, who, outcome, ms: Math.round(performance.now() - began) };
    };
    try {
      if (running.closed) throw new ConsoleError('stopping', 'the console is being stopped');
      const input = read(request);
      about = input;
      const answer = await running.add(perform(input));
      log[polled ? 'debug' : 'info'](done('done'), 'action');
      response.json(answer);
    } catch (error) {
      const { status, answer } = answerTo(error);
      const bug = answer.code === 'failed' ? { err: error } : {};
      log.warn({ ...done(answer.code), ...bug, reason: answer.message }, 'action failed');
      response.status(status).json(answer);
    }
  };
}
