import { z } from 'zod';
import { integer, webAddress } from '#libs/runtime/config.ts';
import { parseNetworks } from '../admission/addresses.ts';

const LOOPBACK = '127.0.0.0/8,::1';

/** Settings of the demo page: nothing of it is served unless `DEMO` is 1. */
export const demoConfig = {
  DEMO: z
    .enum(['0', '1'], { error: 'must be 0 or 1' })
    .default('0')
    .transform((value) => value === '1')
    .meta({
      default: '0',
      description:
        '1: serves the demo page at `/`, and gives its visitors tokens for any user name they choose, if there is an ' +
        '`AUTH_SECRET`. Only for machines on which that is harmless. `npm start` sets it.',
    }),
  DEMO_PEERS: z
    .string()
    .default(LOOPBACK)
    .transform((text, context) => {
      const networks = parseNetworks(text);
      if (!networks)
        context.addIssue('must be addresses or networks such as 10.0.0.0/8, separated by commas');
      return { networks: networks ?? z.NEVER, loopbackOnly: text === LOOPBACK };
    })
    .meta({
      default: LOOPBACK,
      description:
        'Clients that get demo tokens: addresses and networks, separated by commas. With the default, the page must be ' +
        'opened as `localhost` or a loopback address, too. `TRUSTED_PROXIES` says whose `X-Forwarded-For` counts.',
    }),
  DEMO_TOKENS_PER_MIN: integer(120).meta({
    unit: 'tokens/min',
    description:
      'Demo tokens for one address; a further request gets 429, and is counted in `sixfold_demo_tokens_total`.',
  }),
  DEMO_GATEWAYS: z
    .string()
    .default('')
    .transform((text) => text.split(',').flatMap((url) => url.trim() || []))
    .refine((urls) => urls.every((url) => /^wss?:$/.test(URL.parse(url)?.protocol ?? '')), {
      error: 'must be addresses such as ws://127.0.0.1:8080/ws, separated by commas',
    })
    .meta({
      default: 'this gateway',
      description: 'Gateways that the page offers, separated by commas. `npm start` names all of its own.',
    }),
  DEMO_CONTROL_URL: webAddress.optional().meta({
    description: 'Where the page can have processes killed. `npm start` sets it; leave it unset elsewhere.',
  }),
  DEMO_CONTROL_TOKEN: z
    .string()
    .optional()
    .meta({ description: 'The token for it. The gateway hands it to the clients of `DEMO_PEERS`.' }),
};
