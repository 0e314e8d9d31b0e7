import { z } from 'zod';
import { integer } from '#libs/runtime/config.ts';
import { parseNetworks } from './addresses.ts';

/** Settings of the entrance: who may connect, from where, how often and how slowly, and TLS. */
export const admissionConfig = {
  /** Most WebSockets, and logins a minute, of one address; 0: no limit. */
  MAX_CONNECTIONS_PER_ADDRESS: integer(0, 0),
  LOGINS_PER_ADDRESS_PER_MIN: integer(0, 0),
  /** Proxies whose X-Forwarded-For counts: addresses and networks, separated by commas. */
  TRUSTED_PROXIES: z
    .string()
    .transform((text, context) => {
      const networks = parseNetworks(text);
      if (!networks)
        context.addIssue('must be addresses or networks such as 10.0.0.0/8, separated by commas');
      return networks ?? z.NEVER;
    })
    .optional(),
  /** Web pages that may connect, by their Origin header, separated by commas; not set: all. */
  ALLOWED_ORIGINS: z
    .string()
    .transform((text) => text.split(',').map((origin) => origin.trim().toLowerCase()))
    .refine((origins) => origins.every(isOrigin), {
      error: 'must be origins such as https://app.example.com, without a path, separated by commas',
    })
    .optional(),
  /** Files with a certificate (and those that lead to its root) and its private key, PEM. Both: TLS. */
  TLS_CERT: z.string().optional(),
  TLS_KEY: z.string().optional(),
};

const isOrigin = (text: string) => URL.canParse(text) && new URL(text).origin === text;
