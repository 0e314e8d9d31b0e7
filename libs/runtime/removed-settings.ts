import type { Logger } from './logger.ts';

/** Settings of 0.2 that are constants now. An operator who sets one gets a warning. */
const REMOVED = [
  'ACK_PREFETCH',
  'AUTHORIZE_CACHE_ENTRIES',
  'AUTHORIZE_CONCURRENCY',
  'AUTH_CLOCK_TOLERANCE_S',
  'AUTH_JWKS_COOLDOWN_MS',
  'HOUSEKEEPING_MS',
  'HTTP_IDLE_TIMEOUT_MS',
  'MAX_HEADER_BYTES',
  'MAX_HTTP_CONNECTIONS',
  'MAX_UNAUTHENTICATED_CONNECTIONS',
  'REQUEST_TIMEOUT_MS',
  'ROUTING_PREFETCH',
  'SESSION_QUEUE_BYTES',
  'TLS_HANDSHAKE_TIMEOUT_MS',
  'TLS_RELOAD_MS',
];

/** Logs a warning that names the removed settings in the environment. */
export function warnOfRemovedSettings(log: Pick<Logger, 'warn'>, env: NodeJS.ProcessEnv = process.env): void {
  const settings = REMOVED.filter((name) => env[name]);
  if (settings.length > 0) log.warn({ settings }, 'these settings have no effect: they are constants now');
}
