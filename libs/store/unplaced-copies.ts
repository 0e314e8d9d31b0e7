import { messageKey } from '#libs/protocol/names.ts';
import type { Database } from './database.ts';
import type { StoredMessage } from './messages.ts';

/** Nothing of these is anywhere: no copy, no session. New rows, so that a copy that was stored meanwhile is seen. */
const UNPLACED = {
  name: 'copies-unplaced',
  text: `
    WITH input AS (
      SELECT * FROM unnest($1::text[], $2::text[], $3::text[]) AS i (recipient, sender, id)
    ), empty AS (
      SELECT m.recipient, m.sender, m.id, m.revision FROM device_messages m JOIN input USING (recipient, sender, id)
      WHERE NOT EXISTS (
        SELECT FROM device_copies c WHERE c.recipient = m.recipient AND c.sender = m.sender AND c.id = m.id)
    )
    UPDATE device_messages m SET body = NULL, idle_at = now() FROM empty e
    WHERE m.recipient = e.recipient AND m.sender = e.sender AND m.id = e.id AND m.revision = e.revision
      AND NOT m.delivered AND m.live <@ m.back
    RETURNING m.recipient AS "to", m.sender AS "from", m.id`,
};

/** @returns the keys of those that are nowhere; of any other a copy was stored meanwhile */
export async function withoutCopies(
  db: Database,
  messages: readonly Pick<StoredMessage, 'to' | 'from' | 'id'>[],
): Promise<Set<string>> {
  if (messages.length === 0) return new Set();
  const rows = await db.query<{ to: string; from: string; id: string }>(UNPLACED, [
    messages.map((m) => m.to),
    messages.map((m) => m.from),
    messages.map((m) => m.id),
  ]);
  return new Set(rows.map(messageKey));
}
