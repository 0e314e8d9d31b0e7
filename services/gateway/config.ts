import { hostname } from 'node:os';
import { z } from 'zod';
import { brokerConfig } from '#libs/broker/config.ts';
import { common, ConfigError, decimal, integer, readConfig } from '#libs/runtime/config.ts';

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
  /** HS256 secret; its UTF-8 bytes, trimmed. One of the three AUTH_ settings must be set. */
  AUTH_SECRET: z.string().trim().optional(),
  /** Address of a JSON Web Key Set (RS256, ES256, EdDSA). */
  AUTH_JWKS_URL: z.url({ error: 'must be an address' }).optional(),
  /** A public key in PEM (RSA, P-256 or Ed25519). */
  AUTH_PUBLIC_KEY: z.string().optional(),
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
   * Messages, and length of their bodies, that may wait in a session behind a full receive window. Room for the backlog
   * of a routing failover, so that it keeps its order; MAX_UNSETTLED_BYTES bounds all sessions together.
   */
  SESSION_QUEUE: integer(10_000, 0),
  SESSION_QUEUE_BYTES: integer(8 * 1024 * 1024, 0),
  /** How long a msg:N may stay unanswered before it goes to the mailbox. */
  ACK_TIMEOUT_MS: integer(10_000, 50),
  /** What may wait for a client that does not read. */
  MAX_SEND_BUFFER_BYTES: integer(1024 * 1024, 1_024),
  /** How long the broker may take to confirm before the client is told `unavailable`. */
  CONFIRM_TIMEOUT_MS: integer(2_000, 10),
  /** Most connections of this gateway. */
  MAX_CONNECTIONS: integer(20_000),
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
  return config;
}
