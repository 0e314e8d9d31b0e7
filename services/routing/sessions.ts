import type { Delivery } from '#libs/broker/delivery.ts';
import type { SessionDown, SessionUp } from '#libs/broker/entries.ts';
import type { Live } from '#libs/relay/live.ts';
import type { Database } from '#libs/store/database.ts';
import { withMail } from '#libs/store/messages.ts';
import { registerSessions, removeSessions } from '#libs/store/presence.ts';

export interface SessionItem {
  entry: SessionUp | SessionDown;
  delivery: Delivery;
}

interface UpItem {
  entry: SessionUp;
  delivery: Delivery;
}

/** What a batch of session changes comes to. */
export interface SessionChanges {
  /** To register: the latest session of each (user, device), unless it went down again. */
  ups: UpItem[];
  /** Came up and had their place taken within the batch. */
  replaced: UpItem[];
  downs: SessionDown[];
}

/** Changes of one user come in order, from its partition. */
export function summarize(items: readonly SessionItem[]): SessionChanges {
  const ups = new Map<string, UpItem>();
  const replaced: UpItem[] = [];
  const downs: SessionDown[] = [];
  for (const { entry, delivery } of items) {
    if (entry.kind === 'session-down') {
      downs.push(entry);
      for (const [place, up] of ups) if (up.entry.session === entry.session) ups.delete(place);
      continue;
    }
    const place = `${entry.user} ${entry.device}`;
    const before = ups.get(place);
    const other = before !== undefined && before.entry.session !== entry.session;
    if (other && entry.again && before.entry.since > entry.since) replaced.push({ entry, delivery });
    else {
      if (other) replaced.push(before);
      ups.set(place, { entry, delivery });
    }
  }
  return { ups: [...ups.values()], replaced, downs };
}

/**
 * Brings presence up to date. A gateway is told `registered` only after the commit: from then on its login:A is true.
 */
export async function changeSessions(db: Database, live: Live, items: readonly SessionItem[]): Promise<void> {
  const { ups, replaced, downs } = summarize(items);
  if (downs.length > 0) await removeSessions(db, downs);
  const displaced = await registerSessions(
    db,
    ups.map(({ entry }) => entry),
  );
  const [first] = ups;
  for (const { gateway, session } of displaced)
    live.send(gateway, { kind: 'replaced', session }, first?.delivery);
  for (const { entry, delivery } of replaced)
    live.send(entry.gateway, { kind: 'replaced', session: entry.session }, delivery);
  const again = ups.filter(({ entry }) => entry.again).map(({ entry }) => entry.user);
  const mail = await withMail(db, again);
  const lost = new Set(displaced.map(({ session }) => session));
  for (const { entry, delivery } of ups) {
    const { session, gateway, user } = entry;
    if (!lost.has(session))
      live.send(gateway, { kind: 'registered', session, mail: mail.has(user) }, delivery);
  }
}
