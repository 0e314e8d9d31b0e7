import type { Database } from './database.ts';

const MARK_SEEN = {
  name: 'messages-mark-seen',
  text: `
    WITH input AS (
      SELECT DISTINCT * FROM unnest($1::text[], $2::text[], $3::text[]) AS i (recipient, sender, id)
    ), copies AS (
      UPDATE device_messages m SET delivered = true FROM input i
      WHERE m.recipient = i.recipient AND m.sender = i.sender AND m.id = i.id AND NOT m.delivered
    )
    UPDATE offline_messages m SET seen = true FROM input i
    WHERE m.recipient = i.recipient AND m.sender = i.sender AND m.id = i.id AND m.seen IS NOT true`,
};

/**
 * Receivers have seen these messages. What is still in a mailbox stays until it is confirmed; when it expires first, its
 * sender, who is told `read`, is not told `rejected` as well.
 */
export async function markSeen(
  db: Database,
  messages: readonly { from: string; id: string; to: string }[],
): Promise<void> {
  if (messages.length === 0) return;
  await db.query(MARK_SEEN, [
    messages.map(({ to }) => to),
    messages.map(({ from }) => from),
    messages.map(({ id }) => id),
  ]);
}
