import { readFileSync } from 'node:fs';

/** pino's levels. */
const ERROR = 50;
/** An entry that fits its schema and cannot be dealt with; it is buried. */
const EXPECTED = new Set(['entries cannot be handled']);

/**
 * Lines of a service's log that tell of a bug: what nobody caught, errors, and what Node itself prints, which is no
 * JSON.
 */
export function troubleIn(logFile: string): string[] {
  return readFileSync(logFile, 'utf8').split('\n').filter(isTrouble);
}

function isTrouble(line: string): boolean {
  if (line === '') return false;
  try {
    const { level, msg } = JSON.parse(line) as { level: number; msg: string };
    return level >= ERROR && !EXPECTED.has(msg);
  } catch {
    return true;
  }
}
