import type { GatewaySender } from '#libs/relay/gateway-sender.ts';
import { receiptsTotal } from '#libs/relay/metrics.ts';
import type { Database } from '#libs/store/database.ts';
import { findForgottenDevices } from '#libs/store/devices.ts';
import {
  deleteIdleMessages,
  expireCopies,
  type ExpiredCopies,
  expireDeviceReceipts,
  expireOverdueCopies,
} from '#libs/store/device-retention.ts';
import { findSessions } from '#libs/store/presence.ts';
import type { RoutingConfig } from './config.ts';
import { expiredTotal, missedTotal } from './metrics.ts';
import { removeMailboxes } from './remove-devices.ts';

/** Rows that one statement takes. */
const AT_A_TIME = 1_000;
/** Devices that are removed at once: each may have a full mailbox. */
const DEVICES_AT_A_TIME = 10;

interface Parts {
  config: RoutingConfig;
  db: Database;
  gatewaySender: GatewaySender;
}

/** What waited too long in the mailboxes of synced devices, and devices that had no session for too long. */
export async function expireDeviceMailboxes(parts: Parts): Promise<void> {
  const { db, config, gatewaySender } = parts;
  const { MAILBOX_RETENTION_DAYS: days, GATEWAY_LEASE_MS: leaseMs } = config;
  await repeatWhileFull(AT_A_TIME, async () =>
    tell(parts, await expireCopies(db, days, AT_A_TIME, Date.now())),
  );
  await repeatWhileFull(AT_A_TIME, async () => {
    const receipts = await expireDeviceReceipts(db, days, AT_A_TIME);
    expiredTotal.inc({ what: 'receipt' }, receipts);
    return receipts;
  });
  await repeatWhileFull(AT_A_TIME, () => deleteIdleMessages(db, AT_A_TIME));
  await repeatWhileFull(DEVICES_AT_A_TIME, async () => {
    const devices = await findForgottenDevices(db, config.DEVICE_DAYS, DEVICES_AT_A_TIME);
    if (devices.length > 0) await removeMailboxes({ db, gatewaySender, leaseMs }, devices, 'forgotten');
    return devices.length;
  });
}

/** Messages whose own time (`ttl`) is over leave the mailboxes of synced devices. */
export const sweepOverdueCopies = (parts: Parts): Promise<void> =>
  repeatWhileFull(AT_A_TIME, async () =>
    tell(parts, await expireOverdueCopies(parts.db, AT_A_TIME, Date.now())),
  );

/** @param step says how much it took of what it may take at once */
async function repeatWhileFull(most: number, step: () => Promise<number>): Promise<void> {
  while ((await step()) >= most);
}

/** Hints to senders who have a receipt, and to devices that missed messages. @returns how many messages expired */
async function tell({ db, config, gatewaySender }: Parts, expired: ExpiredCopies): Promise<number> {
  const messages = expired.filter(({ device }) => device === null);
  const told = expired.filter(({ news }) => news);
  const present = await findSessions(
    db,
    told.map(({ user }) => user),
    config.GATEWAY_LEASE_MS,
  );
  for (const { user, device } of told)
    gatewaySender.hint((present.get(user) ?? []).filter(({ copy }) => device === null || copy === device));
  expiredTotal.inc({ what: 'message' }, messages.length);
  receiptsTotal.inc({ outcome: 'stored' }, messages.filter(({ news }) => news).length);
  missedTotal.inc(
    { reason: 'expired' },
    messages.reduce((sum, { missed }) => sum + missed, 0),
  );
  return messages.length;
}
