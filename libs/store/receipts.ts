import type { DeliveryState, RejectReason } from '#libs/protocol/names.ts';
import type { Database, Statement } from './database.ts';
import { deciding, messageEvents, type RecordEvents } from './deciding-statement.ts';
import { IS_FACT, tell } from './tell.ts';

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
  /** When the message was accepted, if that is known: after its sender was erased nothing of it is stored. */
  sentAt?: number | undefined;
  /** Of a sender with synced devices: the only device that it is for. */
  device?: string | undefined;
  /** Of a sender with synced devices: the device that has it already. */
  except?: string | undefined;
  /** Of a rejection whose event is recorded with it: further fields of the message. */
  event?: { thread: string | undefined } | undefined;
}

/** One device, or all but the one that has it already. */
const FOR_DEVICE = 'd.device = coalesce(r.device, d.device) AND r.but IS DISTINCT FROM d.device';

const store = (record: RecordEvents) => `
    WITH input AS (
      SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::text[],
          $9::bigint[], $10::text[])
        WITH ORDINALITY AS i (sender, id, recipient, state, reason, at, device, but, sent_at, thread, n)
    ), ${tell('input', { order: 'n', which: FOR_DEVICE })}${record(messageEvents('message.rejected', REJECTED, 'reason'))}
    SELECT 1 FROM told`;

/** Not what the sender knows to be delivered. */
const REJECTED = `(SELECT r.* FROM input r WHERE ${IS_FACT}) AS rejected`;

const STORE: Statement = { name: 'receipts-store', text: store(() => '') };
const REJECT = deciding('receipts-reject', ['message.rejected'], 10, store);

/** As in `tell`: whether a state may follow another one. */
const follows = (state: DeliveryState, other: DeliveryState) =>
  (other === 'stored' && state !== 'stored') || (other === 'delivered' && state === 'read');

/**
 * Stores receipts; of several about one message the one that is furthest ahead.
 *
 * @returns how many of them are news to their mailboxes
 */
export async function storeReceipts(db: Database, receipts: readonly StoredReceipt[]): Promise<number> {
  const furthest = new Map<string, StoredReceipt>();
  /** About a message that is in the statement already, for other devices. */
  const others: StoredReceipt[] = [];
  for (const receipt of receipts) {
    const name = `${receipt.user} ${receipt.to} ${receipt.id}`;
    const other = furthest.get(name);
    if (other && (other.device !== receipt.device || other.except !== receipt.except)) others.push(receipt);
    else if (!other || follows(receipt.state, other.state)) furthest.set(name, receipt);
  }
  if (furthest.size === 0) return 0;
  const rows = Map.groupBy(furthest.values(), ({ event }) => (event ? REJECT : STORE));
  let stored = 0;
  for (const [statement, some] of rows) stored += (await db.query(statement, columns(some))).length;
  return stored + (await storeReceipts(db, others));
}

const columns = (rows: readonly StoredReceipt[]): unknown[] => [
  rows.map((r) => r.user),
  rows.map((r) => r.id),
  rows.map((r) => r.to),
  rows.map((r) => r.state),
  rows.map((r) => r.reason ?? null),
  rows.map((r) => r.at),
  rows.map((r) => r.device ?? null),
  rows.map((r) => r.except ?? null),
  rows.map((r) => r.sentAt ?? null),
  rows.map((r) => r.event?.thread ?? null),
];
