import { z } from 'zod';

/** Whether the user may write to this receiver. */
export type CanSend = (to: string) => boolean;

/** User ids; with a `*` behind, all user ids that begin so. */
const Claim = z.array(z.string().regex(/^(\*|[A-Za-z0-9._:@-]{1,128}\*?)$/));

/**
 * Reads the claim `can_send` of a token: a list of user ids and of patterns that end in `*`. Without the claim its user
 * may write to everybody, with an empty list to nobody. An entry that can match nobody is a mistake of the issuer's,
 * and better seen at the first login than guessed from a message that was refused.
 */
export function readCanSend(claim: unknown): CanSend | undefined | 'unreadable' {
  if (claim === undefined) return undefined;
  const read = Claim.safeParse(claim);
  if (!read.success) return 'unreadable';
  const users = new Set(read.data.filter((entry) => !entry.endsWith('*')));
  const prefixes = read.data.filter((entry) => entry.endsWith('*')).map((entry) => entry.slice(0, -1));
  return (to) => users.has(to) || prefixes.some((prefix) => to.startsWith(prefix));
}
