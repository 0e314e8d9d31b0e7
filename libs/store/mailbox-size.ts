import type { Database } from './database.ts';

const SIZE = {
  name: 'mailbox-size',
  text: `
    SELECT n_live_tup::float8 AS entries, pg_total_relation_size(relid)::float8 AS bytes,
           CASE relid WHEN 'offline_messages'::regclass THEN 'message' ELSE 'receipt' END AS what
    FROM pg_stat_user_tables WHERE relid IN ('offline_messages'::regclass, 'offline_receipts'::regclass)`,
};

/** What all mailboxes take up together. */
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
