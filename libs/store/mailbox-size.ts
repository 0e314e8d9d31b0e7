import type { Database } from './database.ts';

const SIZE = {
  name: 'mailbox-size',
  text: `
    SELECT (sum(n_live_tup) FILTER (WHERE relid <> 'device_messages'::regclass))::float8 AS entries,
           sum(pg_total_relation_size(relid))::float8 AS bytes,
           CASE WHEN relid IN ('offline_receipts'::regclass, 'device_receipts'::regclass) THEN 'receipt' ELSE 'message' END
             AS what
    FROM pg_stat_user_tables WHERE relid IN (
      'offline_messages'::regclass, 'offline_receipts'::regclass,
      'device_messages'::regclass, 'device_copies'::regclass, 'device_receipts'::regclass)
    GROUP BY what`,
};

/** What all mailboxes take up together, those of users and of synced devices. */
export interface MailboxSize {
  what: 'message' | 'receipt';
  /** PostgreSQL's running estimate: counting would read everything. */
  entries: number;
  /** On disk, with indexes, and with the room that deleted entries left. */
  bytes: number;
}

export function mailboxSize(db: Database): Promise<MailboxSize[]> {
  return db.query<MailboxSize>(SIZE, []);
}
