import type { Database } from './database.ts';
import type { Session } from './presence.ts';

const COMPARE = {
  name: 'sessions-compare',
  text: `
    SELECT i.session, true AS missing FROM unnest($2::text[], $3::text[]) AS i (user_id, session)
    WHERE NOT EXISTS (
      SELECT FROM sessions s
      WHERE s.user_id = ANY ($2::text[]) AND s.user_id = i.user_id AND s.session = i.session AND s.gateway = $1
    )
    UNION ALL
    SELECT s.session, false FROM unnest($4::text[], $5::text[]) AS i (user_id, session) JOIN sessions s USING (user_id, session)
    WHERE s.user_id = ANY ($4::text[]) AND (
      EXISTS (SELECT FROM sessions o WHERE o.user_id = s.user_id AND o.device <> s.device)
      OR EXISTS (SELECT FROM devices d WHERE d.user_id = s.user_id AND d.device <> s.device)
    )`,
};

/**
 * Compares sessions with what a gateway knows of them.
 *
 * @returns those that presence does not have at that gateway, and those that should be `alone`, and are not
 */
export async function compareSessions(
  db: Database,
  gateway: string,
  sessions: readonly (Pick<Session, 'user' | 'session'> & { alone?: true | undefined })[],
): Promise<{ missing: string[]; joined: string[] }> {
  const alone = sessions.filter((session) => session.alone);
  const names = [sessions, alone].flatMap((some) => [some.map((s) => s.user), some.map((s) => s.session)]);
  const rows = await db.query<{ session: string; missing: boolean }>(COMPARE, [gateway, ...names]);
  const named = (missing: boolean) =>
    rows.filter((row) => row.missing === missing).map(({ session }) => session);
  return { missing: named(true), joined: named(false) };
}
