import type { Delivery } from '#libs/broker/delivery.ts';
import type { Logout } from '#libs/broker/entries.ts';
import { receiptsTotal } from '#libs/relay/metrics.ts';
import type { RelayContext } from '#libs/relay/receipts.ts';
import { removeDevices } from '#libs/store/device-removal.ts';
import type { Device } from '#libs/store/devices.ts';
import { listSessions } from '#libs/store/admin-queries.ts';
import { findSessions } from '#libs/store/presence.ts';
import { devicesRemoved, expiredTotal, routedTotal } from './metrics.ts';

/** Synced devices log out: their mailboxes go, and their sessions are told. */
export async function logOut(
  relay: RelayContext,
  items: readonly { entry: Logout; delivery: Delivery }[],
): Promise<void> {
  if (items.length === 0) return;
  const { gatewaySender } = relay;
  await removeMailboxes(
    relay,
    items.map(({ entry }) => entry),
    'logout',
    items[0]?.delivery,
  );
  for (const { entry, delivery } of items) {
    const told = new Map((await sessionsOf(relay, entry)).map((one) => [one.session, one.gateway]));
    for (const [session, gateway] of told)
      gatewaySender.send(gateway, { kind: 'logged-out', session }, delivery);
  }
}

/** Who asked, and who is on the device: also a session whose gateway has no lease now, since it may come back with it. */
async function sessionsOf({ db, leaseMs }: RelayContext, { user, device, session, gateway }: Logout) {
  const sessions = await listSessions(db, user, leaseMs);
  const there = sessions.filter((one) => one.device === device);
  return session !== undefined && gateway !== undefined ? [...there, { session, gateway }] : there;
}

/** Removes synced devices. Senders of messages that nobody has any more are told through their mailboxes. */
export async function removeMailboxes(
  { db, gatewaySender, leaseMs }: RelayContext,
  devices: readonly Device[],
  reason: 'logout' | 'forgotten',
  cause?: Delivery,
): Promise<void> {
  const rejected = await removeDevices(db, devices);
  const senders = rejected.map(({ sender }) => sender);
  for (const sessions of (await findSessions(db, senders, leaseMs)).values())
    gatewaySender.hint(sessions, cause);
  devicesRemoved.inc({ reason }, devices.length);
  expiredTotal.inc({ what: 'message' }, rejected.length);
  routedTotal.inc({ outcome: 'rejected' }, rejected.length);
  receiptsTotal.inc({ outcome: 'stored' }, rejected.filter(({ receipt }) => receipt).length);
}
