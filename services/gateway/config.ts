import { hostname } from 'node:os';
import { z } from 'zod';
import { brokerConfig } from '#libs/broker/config.ts';
import { common, ConfigError, decimal, integer, readConfig } from '#libs/runtime/config.ts';
import { admissionConfig } from './admission/config.ts';

/** Size of a SHA-256 hash. */
const SHA256_BYTES = 32;

/** An address that is fetched. A password has no place in it: what fails would show it in the log. */
const webAddress = z
  .url({ protocol: /^https?$/, error: 'must be an address that begins with https:// (or http://)' })
  .refine((text) => !URL.parse(text)?.username && !URL.parse(text)?.password, {
    error: 'must not hold a user name or password',
  });

/** Every setting of the gateway; the unit stands in the name. */
export const gatewayConfig = {
  ...common,
  ...brokerConfig,
  /** Name of this gateway; no two that run at the same time may share one. */
  GATEWAY_ID: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/, { error: 'must be 1 to 64 of A-Z a-z 0-9 _ -' })
    .default(
      () =>
        `${hostname()
          .replace(/[^A-Za-z0-9_-]/g, '-')
          .slice(0, 48)}-${process.pid}`,
    ),
  /** HS256 secret; its UTF-8 bytes, trimmed. One of the three keys must be set. */
  AUTH_SECRET: z.string().trim().optional(),
  /** Shortest AUTH_SECRET that is taken; RFC 7518, 3.2 asks for the 32 of SHA-256. */
  AUTH_SECRET_MIN_BYTES: integer(SHA256_BYTES),
  /** Address of a JSON Web Key Set (RS256, ES256, EdDSA). */
  AUTH_JWKS_URL: webAddress.optional(),
  /** How old its keys may get before they are fetched again. */
  AUTH_JWKS_CACHE_MS: integer(600_000, 100, 24 * 60 * 60 * 1_000),
  /** A public key in PEM (RSA, P-256 or Ed25519). */
  AUTH_PUBLIC_KEY: z.string().optional(),
  /** What a token must name as its `iss`, and among its `aud`. */
  AUTH_ISSUER: z.string().optional(),
  AUTH_AUDIENCE: z.string().optional(),
  /** The endpoint that decides whether one user may write to another; unset, everybody may write to everybody. */
  AUTHORIZE_URL: webAddress.optional(),
  /** How long an answer is used. */
  AUTHORIZE_CACHE_MS: integer(30_000, 0),
  /** How long a message may wait for the answer before it gets `unavailable`. */
  AUTHORIZE_TIMEOUT_MS: integer(2_000, 10, 60_000),
  /** Take http:// for AUTH_JWKS_URL and AUTHORIZE_URL of other machines. */
  ALLOW_PLAIN_HTTP: z.stringbool({ error: 'must be true or false' }).default(false),
  /** Largest packet a client may send, bytes of UTF-8. */
  MAX_PACKET_BYTES: integer(65_536, 256, 4 * 1024 * 1024),
  PING_INTERVAL_MS: integer(25_000, 100),
  LOGIN_TIMEOUT_MS: integer(5_000, 100),
  /** Packets a second of one session, and how many may come at once. */
  RATE_LIMIT_PER_S: decimal(100),
  RATE_BURST: integer(200),
  /** Most msg:R without their msg:A. */
  SEND_WINDOW: integer(128),
  /** Most msg:N without their ack:R. */
  RECEIVE_WINDOW: integer(128),
  /**
   * Messages that may wait in a session behind a full receive window. Room for the backlog of a routing failover, so
   * that it keeps its order; MAX_UNSETTLED_BYTES bounds all sessions together.
   */
  SESSION_QUEUE: integer(10_000, 0),
  /** How long a msg:N may stay unanswered before it goes to the mailbox. */
  ACK_TIMEOUT_MS: integer(10_000, 50),
  /** What may wait for a client that does not read. */
  MAX_SEND_BUFFER_BYTES: integer(1024 * 1024, 1_024),
  /** How long the broker may take to confirm before the client is told `unavailable`. */
  CONFIRM_TIMEOUT_MS: integer(2_000, 10),
  /** Most WebSockets of this gateway. */
  MAX_CONNECTIONS: integer(20_000),
  ...admissionConfig,
  /** Most deliveries from the broker, and bytes of them, that clients have not settled; the oldest go back early. */
  GATEWAY_PREFETCH: integer(1_000, 10, 10_000),
  MAX_UNSETTLED_BYTES: integer(64 * 1024 * 1024, 1024 * 1024),
  /**
   * How old a new queue must be before sessions are announced on it. RabbitMQ 3.10 may lose a quorum queue that it
   * declared less than about a second before it was killed, and with it what it had confirmed.
   */
  QUEUE_SETTLE_MS: integer(1_500, 0, 60_000),
  GATEWAY_LEASE_MS: integer(15_000, 1_000, 600_000),
  DRAIN_TIMEOUT_MS: integer(10_000, 0),
  /** Between SIGTERM and `bye`: /readyz says it already, and a load balancer has this long to notice. */
  DRAIN_DELAY_MS: integer(0, 0, 60_000),
  /** Clients of a gateway that drains come back within this time, each at a random moment. */
  DRAIN_SPREAD_MS: integer(5_000, 0),
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
      `AUTH_SECRET must have at least ${AUTH_SECRET_MIN_BYTES} bytes: who has a token can guess a shorter one ` +
        'by trying; `openssl rand -base64 32` makes one',
    );
  for (const name of ['AUTH_JWKS_URL', 'AUTHORIZE_URL'] as const)
    if (!config.ALLOW_PLAIN_HTTP && isPlainHttpElsewhere(config[name]))
      throw new ConfigError(
        `${name} must begin with https://: whoever can change the answer on its way decides who may do what ` +
          '(http:// is for this machine; in a network of your own set ALLOW_PLAIN_HTTP=true)',
      );
  return config;
}

/** Whether the secret is shorter than what RFC 7518, 3.2 asks for. */
export const isShortSecret = (secret: string): boolean => Buffer.byteLength(secret) < SHA256_BYTES;

function isPlainHttpElsewhere(url: string | undefined): boolean {
  if (url === undefined) return false;
  const { protocol, hostname } = new URL(url);
  return protocol === 'http:' && !/^(127\.[\d.]+|\[::1\]|localhost)$/.test(hostname);
}
