import type { Database } from './database.ts';
import { deciding, messageEvents } from './deciding-statement.ts';
import type { StoredMessage } from './messages.ts';
import { IS_FACT, tell } from './tell.ts';

/** Messages whose time (`ttl`) is over. Their senders are told through their mailboxes: it may follow `stored`. */

/** Whether a message is of no more use. */
export const isExpired = ({ expires }: Pick<StoredMessage, 'expires'>, now: number): boolean =>
  expires !== undefined && expires <= now;

/** Not what the sender knows to be delivered. */
const REJECTED = `(SELECT r.* FROM news r WHERE ${IS_FACT}) AS rejected`;

/** What was stored by an instance that was killed before it said so is stored, too. */
const EVENTS = `${messageEvents('message.rejected', REJECTED, "'expired'")} UNION ALL ${messageEvents('message.stored', 'gone')}`;

const REJECT = deciding(
  'messages-reject-expired',
  ['message.rejected', 'message.stored'],
  6,
  (record) => `
    WITH input AS (
      SELECT DISTINCT ON (recipient, sender, id) * FROM unnest($1::text[], $2::text[], $3::text[], $5::text[], $6::bigint[])
        AS i (recipient, sender, id, thread, sent_at)
    ), gone AS (
      -- Of a copy that came before: its time ended sooner.
      DELETE FROM offline_messages m USING input i
      WHERE m.recipient = i.recipient AND m.sender = i.sender AND m.id = i.id AND m.expires IS NOT NULL
      RETURNING m.sender, m.id, m.recipient, m.thread, floor(extract(epoch FROM m.stored_at) * 1000)::bigint AS at
    ), news AS (
      SELECT sender, id, recipient, thread, 'rejected' AS state, 'expired' AS reason, $4::bigint AS at, sent_at
      FROM input
    ), ${tell('news')}${record(EVENTS)}
    SELECT count(*)::integer AS told FROM told`,
);

/**
 * Rejects messages that expired on their way, together with their copies in the mailbox.
 *
 * @returns how many senders' mailboxes have a new receipt for it
 */
export async function rejectExpired(
  db: Database,
  messages: readonly Pick<StoredMessage, 'from' | 'id' | 'to' | 'thread' | 'at'>[],
  now: number,
): Promise<number> {
  const rows = await db.query<{ told: number }>(REJECT, [
    messages.map(({ to }) => to),
    messages.map(({ from }) => from),
    messages.map(({ id }) => id),
    now,
    messages.map(({ thread }) => thread ?? null),
    messages.map(({ at }) => at),
  ]);
  return rows[0]?.told ?? 0;
}
