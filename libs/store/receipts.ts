import type { DeliveryState, RejectReason } from '#libs/protocol/names.ts';
import type { Database } from './database.ts';

/** The receipts of the mailbox: what became of messages whose sender was away. */

export interface StoredReceipt {
  /** Whom the receipt is for: the sender of the message. */
  user: string;
  id: string;
  /** Whom the message was for. */
  to: string;
  state: DeliveryState;
  reason?: RejectReason | undefined;
  at: number;
}

/**
 * A state only moves forward, and a new state gets a new key: a client that confirms the old one does not delete
 * what it has not seen.
 */
export const FORWARD = `
  ON CONFLICT (recipient, peer, id) DO UPDATE
  SET state = excluded.state, reason = excluded.reason, at = excluded.at, key = excluded.key, stored_at = now()
  WHERE offline_receipts.state = 'stored' AND excluded.state <> 'stored'
     OR offline_receipts.state = 'delivered' AND excluded.state = 'read'`;

const STORE = {
  name: 'receipts-store',
  text: `
    INSERT INTO offline_receipts (recipient, id, peer, state, reason, at)
    SELECT recipient, id, peer, state, reason, at
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[])
      WITH ORDINALITY AS i (recipient, id, peer, state, reason, at, n)
    ORDER BY n
    ${FORWARD}
    RETURNING 1`,
};

/** As FORWARD: whether a state may follow another one. */
const follows = (state: DeliveryState, other: DeliveryState) =>
  (other === 'stored' && state !== 'stored') || (other === 'delivered' && state === 'read');

/**
 * Stores receipts; of several about one message the one that is furthest ahead.
 *
 * @returns how many of them are news to their mailboxes
 */
export async function storeReceipts(db: Database, receipts: readonly StoredReceipt[]): Promise<number> {
  const furthest = new Map<string, StoredReceipt>();
  for (const receipt of receipts) {
    const name = `${receipt.user} ${receipt.to} ${receipt.id}`;
    const other = furthest.get(name);
    if (!other || follows(receipt.state, other.state)) furthest.set(name, receipt);
  }
  if (furthest.size === 0) return 0;
  const rows = [...furthest.values()];
  const stored = await db.query(STORE, [
    rows.map((r) => r.user),
    rows.map((r) => r.id),
    rows.map((r) => r.to),
    rows.map((r) => r.state),
    rows.map((r) => r.reason ?? null),
    rows.map((r) => r.at),
  ]);
  return stored.length;
}
