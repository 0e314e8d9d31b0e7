import type { Delivery } from '#libs/broker/delivery.ts';
import type { SessionDown, SessionUp } from '#libs/broker/entries.ts';
import type { GatewaySender } from '#libs/relay/gateway-sender.ts';
import type { Database } from '#libs/store/database.ts';
import { removeDevices } from '#libs/store/device-removal.ts';
import { registerDevices } from '#libs/store/devices.ts';
import { withMail } from '#libs/store/messages.ts';
import { type Registered, registerSessions, removeSessions } from '#libs/store/presence.ts';

export interface SessionItem {
  entry: SessionUp | SessionDown;
  delivery: Delivery;
}

interface UpItem {
  entry: SessionUp;
  delivery: Delivery;
}

/** A session that was refused: a later login holds its device, or its user has too many sessions. */
interface LateItem extends UpItem {
  than: number;
  full?: boolean;
}

/** Dependencies of session registration. */
export interface PresenceContext {
  db: Database;
  gatewaySender: GatewaySender;
  /** Most of one user. */
  maxSessions: number;
  maxDevices: number;
}

/** The net effect of a batch of session changes. */
export interface SessionChanges {
  /** To register: the latest session of each (user, device), unless it went down again. */
  ups: UpItem[];
  /** Replaced within the batch. */
  replaced: UpItem[];
  late: LateItem[];
  downs: SessionDown[];
}

/**
 * Changes of one user arrive in order, from its partition. The latest login on a device wins, regardless of
 * processing order.
 */
export function summarize(items: readonly SessionItem[]): SessionChanges {
  const ups = new Map<string, UpItem>();
  const changes: Omit<SessionChanges, 'ups'> = { replaced: [], late: [], downs: [] };
  for (const { entry, delivery } of items) {
    if (entry.kind === 'session-down') {
      changes.downs.push(entry);
      for (const [place, up] of ups) if (up.entry.session === entry.session) ups.delete(place);
      continue;
    }
    const place = `${entry.user} ${entry.device}`;
    const before = ups.get(place);
    const other = before !== undefined && before.entry.session !== entry.session;
    if (other && before.entry.since >= entry.since)
      changes.late.push({ entry, delivery, than: before.entry.since });
    else {
      if (other) changes.replaced.push(before);
      ups.set(place, { entry, delivery });
    }
  }
  return { ups: [...ups.values()], ...changes };
}

/** Brings presence up to date. Sends `registered` only after the commit: login:A promises that. */
export async function changeSessions(
  { db, gatewaySender, maxSessions, maxDevices }: PresenceContext,
  items: readonly SessionItem[],
): Promise<void> {
  const changes = summarize(items);
  const { replaced, late, downs } = changes;
  if (downs.length > 0) await removeSessions(db, downs);
  const devices = await syncDevices(db, changes.ups, maxDevices);
  const ups = changes.ups.filter(({ entry }) => !devices.refused.has(deviceKey(entry)));
  const outcome = await registerSessions(
    db,
    ups.map(({ entry }) => entry),
    maxSessions,
  );
  const lost = new Set(outcome.late.map(({ session }) => session));
  const isRefused = (session: string) => lost.has(session) || outcome.revoked.has(session);
  // What was refused had no effect: nor did it make the device a synced one.
  await removeDevices(
    db,
    ups.map(({ entry }) => entry).filter((up) => isRefused(up.session) && devices.fresh.has(deviceKey(up))),
  );
  const [first] = ups;
  const shared = tellJoined(gatewaySender, ups, outcome.shared);
  for (const { gateway, session } of outcome.replaced)
    gatewaySender.send(gateway, { kind: 'replaced', session }, first?.delivery);
  for (const item of replaced) {
    const { entry, delivery } = item;
    const winner = ups.find((up) => up.entry.user === entry.user && up.entry.device === entry.device);
    if (!winner || !outcome.revoked.has(winner.entry.session))
      gatewaySender.send(entry.gateway, { kind: 'replaced', session: entry.session }, delivery);
    // Nobody took its place: a login is tried again, a session that presence lacks is announced again.
    else if (!entry.again) tellLate(gatewaySender, { ...item, than: winner.entry.since });
  }
  for (const item of late) tellLate(gatewaySender, item);
  for (const { entry, delivery } of changes.ups)
    if (devices.refused.has(deviceKey(entry)))
      gatewaySender.send(entry.gateway, { kind: 'too-many-devices', session: entry.session }, delivery);
  await answer({ db, gatewaySender }, ups, outcome, shared);
}

/** Says what became of each session that was announced. */
async function answer(
  { db, gatewaySender }: Pick<PresenceContext, 'db' | 'gatewaySender'>,
  ups: readonly UpItem[],
  { revoked, late, synced }: Registered,
  shared: (session: string) => { alone?: true },
): Promise<void> {
  const lost = new Map(late.map((one) => [one.session, one]));
  const again = ups.filter(({ entry }) => entry.again).map(({ entry }) => entry);
  const mail = new Set((await withMail(db, again)).map(deviceKey));
  for (const { entry, delivery } of ups) {
    const { session, gateway } = entry;
    const refusal = lost.get(session);
    if (revoked.has(session)) gatewaySender.send(gateway, { kind: 'revoked', session }, delivery);
    else if (refusal) tellLate(gatewaySender, { entry, delivery, than: refusal.since, full: refusal.full });
    else {
      const sync = synced.has(session) && { sync: true as const };
      const registered = { kind: 'registered' as const, session, mail: mail.has(deviceKey(entry)) };
      gatewaySender.send(gateway, { ...registered, ...sync, ...shared(session) }, delivery);
    }
  }
}

/**
 * Tells sessions that others have joined them. Before the answers to those others: a receipt that follows a login:A
 * finds the gateway of the first session informed.
 *
 * @returns what the answer to a session says about that
 */
function tellJoined(
  gatewaySender: GatewaySender,
  ups: readonly UpItem[],
  shared: Registered['shared'],
): (session: string) => { alone?: true } {
  const announced = new Map(ups.map(({ entry, delivery }) => [entry.user, delivery]));
  const fresh = new Set(ups.map(({ entry }) => entry.session));
  for (const { user, gateway, session } of shared)
    if (!fresh.has(session))
      gatewaySender.send(
        gateway,
        { kind: 'registered', session, mail: false, joined: true },
        announced.get(user),
      );
  const together = new Set(shared.map(({ session }) => session));
  return (session) => (together.has(session) ? {} : { alone: true });
}

const deviceKey = ({ user, device }: { user: string; device: string }) => `${user} ${device}`;

/** Makes the devices of logins with `sync` synced ones, before their sessions are registered. */
async function syncDevices(db: Database, ups: readonly UpItem[], most: number) {
  const logins = ups.map(({ entry }) => entry).filter(({ sync }) => sync);
  const fresh = await registerDevices(db, logins, most);
  return {
    fresh: new Set(fresh.map(deviceKey)),
    refused: new Set(fresh.filter(({ refused }) => refused).map(deviceKey)),
  };
}

/**
 * Refuses a session. A session announced again was replaced elsewhere. A new login may still be the latest, since
 * clocks differ: its client is asked to send it again, unless it has given up.
 */
function tellLate(gatewaySender: GatewaySender, { entry, delivery, than, full = false }: LateItem): void {
  const { gateway, session, again } = entry;
  gatewaySender.send(
    gateway,
    again && !full
      ? { kind: 'replaced', session }
      : { kind: 'late', session, since: than, ...(full && { full }) },
    delivery,
  );
}
