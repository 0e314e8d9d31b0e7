import { z } from 'zod';
import { integer } from '#libs/runtime/config.ts';
import { parseNetworks } from './addresses.ts';

/** Settings of the admission: connections in all and by address, proxies, web pages, and TLS. */
export const admissionConfig = {
  MAX_CONNECTIONS: integer(20_000).meta({
    unit: 'WebSockets',
    description:
      'A further one is closed with 1013 (`overloaded`), counted as `connections`. Half of them may be without a good ' +
      'token, so that such connections cannot take every place (`unauthenticated_connections`).',
  }),
  MAX_CONNECTIONS_PER_ADDRESS: integer(0, 0).meta({
    unit: 'WebSockets',
    description:
      'The same for one address (`connections_per_address`); 0: no limit. An address that is no trusted proxy may have ' +
      'twice as many sockets, with and without a WebSocket; a further one is cut off.',
  }),
  LOGINS_PER_ADDRESS_PER_MIN: integer(0, 0).meta({
    unit: 'logins/min',
    description:
      'First logins of connections from one address, good or bad: a token bucket of a minute; 0: no limit. Above it, ' +
      '`error` `rate_limited` and close 4429 (`logins_per_address`). The gateway remembers the last 50,000 addresses, ' +
      'each for a minute.',
  }),
  TRUSTED_PROXIES: z
    .string()
    .transform((text, context) => {
      const networks = parseNetworks(text);
      if (!networks)
        context.addIssue('must be addresses or networks such as 10.0.0.0/8, separated by commas');
      return networks ?? z.NEVER;
    })
    .optional()
    .meta({
      description:
        'Load balancers whose `X-Forwarded-For` counts: addresses and networks such as `10.0.0.0/8`, separated by ' +
        'commas. [How it is read](#behind-a-load-balancer).',
    }),
  ALLOWED_ORIGINS: z
    .string()
    .transform((text) => text.split(',').map((origin) => origin.trim().toLowerCase()))
    .refine((origins) => origins.every(isOrigin), {
      error: 'must be origins such as https://app.example.com, without a path, separated by commas',
    })
    .optional()
    .meta({
      default: 'any page',
      description:
        'Web pages that may connect, by the `Origin` header of the upgrade: origins such as `https://app.example.com`, ' +
        'separated by commas. Other pages get HTTP 403. A client without the header is no browser, and passes. ' +
        '[Why that is safe](#origins).',
    }),
  TLS_CERT: z
    .string()
    .optional()
    .meta({
      description:
        'File with the certificate and its chain, PEM. With `TLS_KEY`, the port speaks only TLS (1.2 or newer): `wss://`, ' +
        'and `https://` for metrics and probes. New connections get a renewed certificate within 10 s; the gateway logs a ' +
        'pair that does not fit, and keeps the old one.',
    }),
  TLS_KEY: z.string().optional().meta({
    description: "File with the certificate's private key, PEM, without a passphrase.",
  }),
};

const isOrigin = (text: string) => URL.canParse(text) && new URL(text).origin === text;
