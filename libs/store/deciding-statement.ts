import type { Statement } from './database.ts';

/**
 * Statements that decide facts which have events: that a message is delivered or rejected, that a session is gone. After a
 * crash nobody could tell that it was decided. So where somebody wants these events, the statement writes them into
 * `event_outbox`, too: both are there, or neither.
 */

/** Writes the events of a query (type, fact, fields), as a further part of a WITH list; '' where nobody wants them. */
export type RecordEvents = (events: string) => string;

/** @param parameters how many the statement has; the one that records takes two more: owner and types that are wanted */
export function deciding(
  name: string,
  types: readonly string[],
  parameters: number,
  text: (record: RecordEvents) => string,
): Statement {
  const insert = (events: string) => `, recorded AS (
      INSERT INTO event_outbox (owner, type, fact, fields)
      SELECT $${parameters + 1}::text, e.* FROM (${events}) AS e (type, fact, fields)
      WHERE type = ANY ($${parameters + 2}::text[])
    )`;
  const recording = { name: `${name}+events`, text: text(insert) };
  return { name, text: text(() => ''), decides: { types, recording } };
}

/**
 * The events of messages in a CTE (sender, id, recipient, thread, at), for `record`.
 *
 * @param reason as SQL
 */
export const messageEvents = (type: string, source: string, reason?: string) => `
  SELECT '${type}', ARRAY[sender, id, recipient], jsonb_strip_nulls(jsonb_build_object(
    'from', sender, 'id', id, 'to', recipient, 'at', at, 'thread', thread${reason === undefined ? '' : `, 'reason', ${reason}`}))
  FROM ${source}`;

/** The database's clock, which all instances share: what follows another fact has a later time. */
export const NOW = '(extract(epoch FROM clock_timestamp()) * 1000)::bigint';

/**
 * The events of sessions in a query `s` (user_id, device, session, gateway), for `record`. A session that loses its
 * incarnation and is announced on the next one goes down and up again: these are other facts.
 *
 * @param at as SQL, milliseconds
 */
export const sessionEvents = (type: string, from: string, at = NOW) => `
  SELECT '${type}', ARRAY[s.session, s.gateway], jsonb_build_object(
    'user', s.user_id, 'device', s.device, 'at', ${at})
  FROM ${from}`;
