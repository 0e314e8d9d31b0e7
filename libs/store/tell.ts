/**
 * Receipts for senders, as parts of SQL statements. A sender with synced devices gets one in the mailbox of each, any
 * other in the user's.
 */

/**
 * A state only moves forward, and a new state gets a new key: a client that confirms the old one does not delete
 * what it has not seen.
 */
const forward = (table: string) => `
  DO UPDATE
  SET state = excluded.state, reason = excluded.reason, at = excluded.at, key = excluded.key, stored_at = now()
  WHERE ${table}.state = 'stored' AND excluded.state <> 'stored'
     OR ${table}.state = 'delivered' AND excluded.state = 'read'`;

/** What an erased user had sent before leaves no receipt; where that time is not known, nothing from before the erasure. */
const SENDER_IS_ERASED =
  'EXISTS (SELECT FROM user_revocations e WHERE e.user_id = r.sender AND coalesce(r.sent_at, r.at) <= e.erased_at)';

/**
 * SQL, behind `tell`: its receipt `r` is a fact that has an event. Not what the sender knows to be settled otherwise; an
 * erased sender knows nothing any more.
 */
export const IS_FACT = `(${SENDER_IS_ERASED}
  OR EXISTS (SELECT FROM told t WHERE t.sender = r.sender AND t.id = r.id AND t.recipient = r.recipient))`;

/**
 * Inserts the receipts of a CTE (sender, id, recipient, state, reason, at, sent_at): `told` has those that are news (sender,
 * id, recipient).
 *
 * @param order column of the CTE that orders them
 * @param which further condition for a device `d` to get a receipt `r`
 */
export const tell = (source: string, { order = 'id', which = 'true' } = {}) => `
  told_users AS (
    INSERT INTO offline_receipts (recipient, id, peer, state, reason, at)
    SELECT r.sender, r.id, r.recipient, r.state, r.reason, r.at FROM ${source} r
    WHERE NOT EXISTS (SELECT FROM devices d WHERE d.user_id = r.sender) AND NOT ${SENDER_IS_ERASED}
    ORDER BY r.${order}
    ON CONFLICT (recipient, peer, id) ${forward('offline_receipts')}
    RETURNING recipient AS sender, id, peer AS recipient
  ), told_devices AS (
    INSERT INTO device_receipts (recipient, device, id, peer, state, reason, at)
    SELECT r.sender, d.device, r.id, r.recipient, r.state, r.reason, r.at
    FROM ${source} r JOIN devices d ON d.user_id = r.sender AND ${which}
    WHERE NOT ${SENDER_IS_ERASED}
    ORDER BY r.${order}
    ON CONFLICT (recipient, device, peer, id) ${forward('device_receipts')}
    RETURNING recipient AS sender, id, peer AS recipient
  ), told AS (SELECT * FROM told_users UNION SELECT * FROM told_devices)`;
