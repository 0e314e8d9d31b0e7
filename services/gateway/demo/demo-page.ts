import express, { type RequestHandler, Router } from 'express';
import { join } from 'node:path';
import { UserId } from '#libs/protocol/names.ts';
import { noStore, pageFiles } from '#libs/runtime/page.ts';
import { ClientAddresses } from '../admission/addresses.ts';
import { LoginRate } from '../admission/login-rate.ts';
import type { GatewayConfig } from '../config.ts';
import { countToken } from './metrics.ts';
import { isDemoPeer } from './peers.ts';
import { securityHeaders } from './security-headers.ts';
import { demoToken } from './tokens.ts';

/** What `npm run build:page` makes. */
const BUILT_PAGE = join(import.meta.dirname, '../../../web/demo/dist');

/**
 * The demo page (`DEMO=1`): its files, its settings, and short-lived tokens for those who may have them. What is not its
 * own passes through.
 */
export function demoPage(config: GatewayConfig, folder = BUILT_PAGE): Router {
  const addresses = new ClientAddresses(config.TRUSTED_PROXIES);
  const router = Router({ caseSensitive: true, strict: true });
  const headers = securityHeaders(config);
  router.use('/demo', headers, noStore, onlyPeers(config, addresses));
  router.get('/demo/config', (_request, response) => {
    response.json(settingsOf(config));
  });
  router.post('/demo/tokens', limited(config, addresses), express.json({ limit: '1kb' }), giveToken(config));
  router.use(pageFiles(folder, headers));
  return router;
}

const onlyPeers =
  ({ DEMO_PEERS }: GatewayConfig, addresses: ClientAddresses): RequestHandler =>
  (request, response, next) => {
    if (isDemoPeer(request, addresses, DEMO_PEERS)) {
      next();
      return;
    }
    countToken('refused');
    response
      .status(403)
      .json({ code: 'forbidden', message: 'it is for this machine only, unless DEMO_PEERS says otherwise' });
  };

function limited({ DEMO_TOKENS_PER_MIN }: GatewayConfig, addresses: ClientAddresses): RequestHandler {
  const rate = new LoginRate(DEMO_TOKENS_PER_MIN);
  return (request, response, next) => {
    if (rate.take(addresses.of(request))) {
      next();
      return;
    }
    countToken('limited');
    response
      .status(429)
      .set('Retry-After', '5')
      .json({ code: 'rate_limited', message: 'too many demo tokens: see DEMO_TOKENS_PER_MIN' });
  };
}

/** What the page must know. */
const settingsOf = (config: GatewayConfig) => ({
  gateway: config.GATEWAY_ID,
  gateways: config.DEMO_GATEWAYS,
  tokens: Boolean(config.AUTH_SECRET),
  ...(config.DEMO_CONTROL_URL !== undefined && {
    control: { url: config.DEMO_CONTROL_URL, token: config.DEMO_CONTROL_TOKEN ?? '' },
  }),
});

function giveToken(config: GatewayConfig): RequestHandler {
  return async ({ body }, response) => {
    const user = UserId.safeParse((body as { user?: unknown } | undefined)?.user);
    const token = user.success ? await demoToken(user.data, config) : undefined;
    if (token !== undefined) {
      countToken('given');
      response.json({ token });
      return;
    }
    countToken('refused');
    const [status, message] = user.success
      ? [501, 'this gateway has no AUTH_SECRET to sign tokens with']
      : [400, 'user: is missing, or no user id'];
    response.status(status).json({ code: 'bad_packet', message });
  };
}
