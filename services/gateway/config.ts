import { brokerConfig } from '#libs/broker/config.ts';
import { common, ConfigError, readConfig } from '#libs/runtime/config.ts';
import { requireHttps } from '#libs/runtime/plain-http.ts';
import { admissionConfig } from './admission/config.ts';
import { demoConfig } from './demo/config.ts';
import { accessConfig } from './settings/access.ts';
import { authorizeConfig } from './settings/authorize.ts';
import { httpConfig } from './settings/http.ts';
import { processConfig } from './settings/process.ts';
import { sessionConfig } from './settings/session.ts';

/** Every setting of the gateway; the unit stands in the name. */
export const gatewayConfig = {
  ...common,
  ...brokerConfig,
  ...accessConfig,
  ...authorizeConfig,
  ...admissionConfig,
  ...sessionConfig,
  ...httpConfig,
  ...processConfig,
  ...demoConfig,
};

export type GatewayConfig = ReturnType<typeof readGatewayConfig>;

/** @throws ConfigError */
export function readGatewayConfig(env: NodeJS.ProcessEnv = process.env) {
  const config = readConfig(gatewayConfig, env);
  const keys = [config.AUTH_SECRET, config.AUTH_JWKS_URL, config.AUTH_PUBLIC_KEY].filter((key) => key);
  if (keys.length !== 1)
    throw new ConfigError(
      'set exactly one of AUTH_SECRET, AUTH_JWKS_URL and AUTH_PUBLIC_KEY: no token can be trusted',
    );
  const { AUTH_SECRET, AUTH_SECRET_MIN_BYTES } = config;
  if (AUTH_SECRET && Buffer.byteLength(AUTH_SECRET) < AUTH_SECRET_MIN_BYTES)
    throw new ConfigError(
      `AUTH_SECRET must have at least ${AUTH_SECRET_MIN_BYTES} bytes: with one token, an attacker can guess a shorter ` +
        'one; `openssl rand -base64 32` makes one',
    );
  for (const name of ['AUTH_JWKS_URL', 'AUTHORIZE_URL'] as const)
    requireHttps(name, config[name], config.ALLOW_PLAIN_HTTP);
  return config;
}
