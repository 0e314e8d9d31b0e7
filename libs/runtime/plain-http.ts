import { z } from 'zod';
import { ConfigError } from './config.ts';

/** Setting of the services that make HTTP requests to addresses of the operator. */
export const allowPlainHttp = z
  .stringbool({ error: 'must be true or false' })
  .default(false)
  .meta({
    description:
      '`true`: `AUTH_JWKS_URL`, `AUTHORIZE_URL` and `WEBHOOK_URL` may be `http://` on other machines, too. Anybody who can ' +
      'change the answers of the first two on the network gets every right, and anybody there can read events: set it ' +
      'only for a network of your own.',
  });

/**
 * Refuses an address with http:// on another machine, unless the operator allows it.
 *
 * @throws ConfigError
 */
export function requireHttps(name: string, url: string | undefined, allowed: boolean): void {
  if (allowed || url === undefined) return;
  const { protocol, hostname } = new URL(url);
  if (protocol !== 'http:' || /^(127\.[\d.]+|\[::1\]|localhost)$/.test(hostname)) return;
  throw new ConfigError(
    `${name} must begin with https://: over http:// anybody on the network can change or read what is sent ` +
      '(http:// is for this machine; in a network of your own set ALLOW_PLAIN_HTTP=true)',
  );
}
