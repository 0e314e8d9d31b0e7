import { brokerConfig } from '#libs/broker/config.ts';
import { common, decimal, integer, readConfig } from '#libs/runtime/config.ts';
import { storeConfig } from '#libs/store/config.ts';
import type { Quotas } from '#libs/store/quota-cache.ts';

/** Most unacknowledged deliveries (batches) from each queue: enough to fill a group commit, and few to redeliver. */
export const PREFETCH = 32;

/** Every setting of the routing service; the unit stands in the name. */
export const routingConfig = {
  ...common,
  ...brokerConfig,
  ...storeConfig,
  /** Most sessions of one user, each on a device of its own, at all gateways together. */
  MAX_SESSIONS_PER_USER: integer(32),
  /** Most messages in one mailbox; further ones are rejected as `mailbox_full`. */
  MAILBOX_QUOTA: integer(10_000),
  /** Most messages of one sender in one mailbox; unset, one sender may fill it. */
  MAILBOX_QUOTA_PER_SENDER: integer(1).unwrap().optional(),
  /** Days after which mailbox entries expire. */
  MAILBOX_RETENTION_DAYS: decimal(30),
  /** How often to look for what has expired. */
  RETENTION_SWEEP_MS: integer(60_000, 100),
  /** Longest time to cache a user's sessions; every change invalidates them. 0: no cache. */
  PRESENCE_CACHE_MS: integer(10_000, 0),
  DRAIN_TIMEOUT_MS: integer(10_000, 0),
};

/** @throws ConfigError */
export const readRoutingConfig = (env: NodeJS.ProcessEnv = process.env) => readConfig(routingConfig, env);
export type RoutingConfig = ReturnType<typeof readRoutingConfig>;

export const quotasOf = ({
  MAILBOX_QUOTA,
  MAILBOX_QUOTA_PER_SENDER = MAILBOX_QUOTA,
}: RoutingConfig): Quotas => ({
  mailbox: MAILBOX_QUOTA,
  sender: MAILBOX_QUOTA_PER_SENDER,
});
