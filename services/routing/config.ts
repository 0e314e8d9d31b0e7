import { brokerConfig } from '#libs/broker/config.ts';
import { eventsConfig } from '#libs/events/config.ts';
import { common, decimal, integer, readConfig } from '#libs/runtime/config.ts';
import { storeConfig } from '#libs/store/config.ts';
import type { Quotas } from '#libs/store/quota-cache.ts';

/** Most unacknowledged deliveries (batches) from each queue: enough to fill a group commit, and few to redeliver. */
export const PREFETCH = 32;

/** Mailboxes and presence. */
export const mailboxConfig = {
  MAILBOX_QUOTA: integer(10_000).meta({
    unit: 'messages',
    description:
      'Most messages in one mailbox, of a user or of a synced device; receipts do not count. A further message is `rejected` with `mailbox_full`. A ' +
      'mailbox with room is counted every 5 s, a full one each time: two instances that store for it within 5 s may ' +
      'exceed it, and so may messages that were in flight at a gateway that died.',
  }),
  MAILBOX_QUOTA_PER_SENDER: integer(1)
    .unwrap()
    .optional()
    .meta({
      unit: 'messages',
      default: "the mailbox's quota",
      description:
        'Most messages of one sender in one mailbox, so that nobody can fill it alone; a further message is `rejected` with ' +
        '`mailbox_full`. Only you know how many messages of one sender may wait: where anybody may write to anybody, 1,000 ' +
        'is a good start.',
    }),
  MAILBOX_RETENTION_DAYS: decimal(30).meta({
    unit: 'days',
    description:
      'Days (also a fraction) after which an entry leaves the mailbox: a message is `rejected` with `expired`, a receipt ' +
      'is dropped and counted.',
  }),
  RETENTION_SWEEP_MS: integer(60_000, 100).meta({
    unit: 'ms',
    description:
      'Pause between two looks for expired entries, and for mail that a connected user does not fetch: a hint follows. ' +
      'Messages whose `ttl` is over are looked for every 10 s at least.',
  }),
  MAX_SESSIONS_PER_USER: integer(32).meta({
    unit: 'sessions',
    description:
      'Sessions of one user on all gateways. The login of a further device is closed with 1013 (`overloaded`), counted as ' +
      '`sessions_per_user`; a device that connects again takes its own place. The cost of a message grows with the square ' +
      'of the devices of its receiver: an entry for each, which names the others.',
  }),
  MAX_DEVICES: integer(10, 1, 100).meta({
    unit: 'devices',
    description:
      'Synced devices of one user. The login of a further one with `sync` gets `too_many_devices` (close 4403), counted as ' +
      '`devices_per_user`. A message for a user has a copy for each device.',
  }),
  DEVICE_DAYS: decimal(30).meta({
    unit: 'days',
    description:
      'Days (also a fraction) without a session after which a synced device, and its mailbox, are removed. At most a day ' +
      'late, or a tenth of it.',
  }),
  PRESENCE_CACHE_MS: integer(10_000, 0).meta({
    unit: 'ms',
    description:
      "How long an instance caches where a user is, at most. It forgets at every change of the user's sessions and when " +
      "partitions move, and no answer outlives the gateway's lease. 0: it asks the database for every batch.",
  }),
};

/** Every setting of the routing service; the unit stands in the name. */
export const routingConfig = {
  ...common,
  ...brokerConfig,
  ...storeConfig,
  ...eventsConfig,
  ...mailboxConfig,
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
