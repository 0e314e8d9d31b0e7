import { Alarm, type Clock } from './clock.ts';

/** Waits for a promise, but not for ever. @returns whether it ended (either way) within `ms` */
export function within(clock: Clock, ms: number, promise: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve) => {
    const patience = new Alarm(clock, () => resolve(false));
    patience.in(ms);
    const ended = () => {
      patience.clear();
      resolve(true);
    };
    promise.then(ended, ended);
  });
}
