import { pino, type Logger } from 'pino';

export type { Logger };

/**
 * A JSON logger, one line per event. Children carry session and message ids; bodies and tokens are never logged.
 */
export function createLogger(service: string, level: string): Logger {
  return pino({ level, base: { service, pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime });
}
