import { z } from 'zod';
import { UserId } from '#libs/protocol/names.ts';
import { type Scope, SCOPES } from '#libs/protocol/scopes.ts';

/** What a service token may do, and as whom. */
export interface ServiceClaim {
  mayActAs: (user: string) => boolean;
  scopes: ReadonlySet<Scope>;
}

/** Strict: a field that this version does not know may be a restriction. */
const Claim = z.strictObject({
  as: z.union([z.tuple([z.literal('*')]), z.array(UserId)]),
  scopes: z.array(z.enum(SCOPES)),
});

/**
 * Reads the claim `sixfold` of a token. Nothing is granted by default: without `as` or `scopes` it is unreadable.
 *
 * @returns undefined for a user's token
 */
export function readServiceClaim(claim: unknown): ServiceClaim | undefined | 'unreadable' {
  if (claim === undefined) return undefined;
  const read = Claim.safeParse(claim);
  if (!read.success) return 'unreadable';
  const users = new Set<string>(read.data.as);
  return { mayActAs: (user) => users.has('*') || users.has(user), scopes: new Set(read.data.scopes) };
}
