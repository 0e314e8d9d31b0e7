import type { Database } from './database.ts';

/** Revocations: an operator ended a user's sessions. Tokens issued before that second are refused (PROTOCOL: revoked). */

export interface Revocation {
  user: string;
  /** Milliseconds since the Unix epoch. */
  at: number;
}

/** SQL: the token of session `g` was issued before the second of revocation `r`, or does not say when. */
export const TOKEN_IS_REVOKED = '(g.iat IS NULL OR g.iat < r.at / 1000)';

const REVOKE = {
  name: 'revocations-revoke',
  text: `
    INSERT INTO user_revocations (user_id, at)
    SELECT user_id, max(at) FROM unnest($1::text[], $2::bigint[]) AS i (user_id, at) GROUP BY user_id ORDER BY user_id
    ON CONFLICT (user_id) DO UPDATE SET at = excluded.at WHERE user_revocations.at < excluded.at`,
};

/** The latest revocation of a user counts, regardless of processing order. */
export async function revokeUsers(db: Database, revocations: readonly Revocation[]): Promise<void> {
  await db.query(REVOKE, [revocations.map(({ user }) => user), revocations.map(({ at }) => at)]);
}

const FIND = {
  name: 'revocations-find-sessions',
  text: 'SELECT user_id AS user, session, gateway FROM sessions WHERE user_id = ANY ($1::text[])',
};

/** All sessions of users, also those whose gateway has no lease now: it may come back with them. */
export function findSessionsToRevoke(
  db: Database,
  users: readonly string[],
): Promise<{ user: string; session: string; gateway: string }[]> {
  return db.query(FIND, [users]);
}

const FIND_REVOKED = {
  name: 'revocations-find-tokens',
  text: `
    SELECT g.n::integer FROM unnest($1::text[], $2::float8[]) WITH ORDINALITY AS g (user_id, iat, n)
      JOIN user_revocations r USING (user_id)
    WHERE ${TOKEN_IS_REVOKED}`,
};

/** Which of these tokens are revoked. @returns a truth for each, in the same order */
export async function areRevoked(
  db: Database,
  tokens: readonly { user: string; iat?: number | undefined }[],
): Promise<boolean[]> {
  const rows = await db.query<{ n: number }>(FIND_REVOKED, [
    tokens.map(({ user }) => user),
    tokens.map(({ iat }) => iat ?? null),
  ]);
  const revoked = new Set(rows.map(({ n }) => n - 1));
  return tokens.map((_, n) => revoked.has(n));
}
