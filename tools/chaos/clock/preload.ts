import { readFileSync, watchFile } from 'node:fs';
import { CLOCK_VARIABLE } from './clock.ts';

/**
 * Loaded before a program: makes its wall clock (Date) as wrong as the file says, and follows the file. Timers and
 * performance.now() stay right, as they do in a process whose machine's clock is set.
 */
const LOOK_MS = 200;

const path = process.env[CLOCK_VARIABLE];
if (path !== undefined) {
  const right = Date.now;
  let off = 0;
  const look = () => (off = Number(readFileSync(path, 'utf8')));
  const now = () => right() + off;
  look();
  watchFile(path, { interval: LOOK_MS, persistent: false }, look);
  globalThis.Date = new Proxy(Date, {
    construct: (target, args: unknown[], newTarget) =>
      Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget) as Date,
    get: (target, name): unknown => (name === 'now' ? now : Reflect.get(target, name)),
  });
}
