import type { Logger } from '#libs/runtime/logger.ts';
import { UserId } from '#libs/protocol/names.ts';
import type { Scope } from '#libs/protocol/scopes.ts';
import { AuthError, type Verify } from '../auth.ts';
import type { CanSend } from '../authorize/can-send.ts';
import type { ServiceClaim } from '../service-claim.ts';
import { badPacket, forbidden, unauthorized, unavailable } from './problems.ts';

/** Whose token came with a request. */
export interface Caller {
  /** The token's subject: the user, or the name of a service. */
  readonly sub: string;
  /** Set: a service token, which acts as others. */
  readonly service: ServiceClaim | undefined;
  readonly canSend: CanSend | undefined;
  /** When the token was issued, seconds since the epoch. */
  readonly issuedAt: number | undefined;
}

const BEARER = /^Bearer +([^\s]+) *$/i;

/**
 * The caller of a request, by its `Authorization` header.
 *
 * @throws Problem 401, or 503 when the keys are out of reach
 */
export async function authenticate(
  { verify, log }: { verify: Verify; log: Pick<Logger, 'warn'> },
  authorization: string | undefined,
): Promise<Caller> {
  const [, token] = BEARER.exec(authorization ?? '') ?? [];
  if (token === undefined) throw unauthorized('the header Authorization: Bearer TOKEN is missing');
  try {
    const { user: sub, service, canSend, issuedAt } = await verify(token);
    return { sub, service, canSend, issuedAt };
  } catch (error) {
    if (!(error instanceof AuthError)) throw error;
    if (error.code === 'unauthorized') throw unauthorized(error.message);
    if (error.cause) log.warn({ err: error.cause }, 'tokens cannot be checked');
    throw unavailable(error.message);
  }
}

/**
 * The user that a request acts as: the token's own, or the one that a service token names.
 *
 * @param named as the request names the user; undefined: not at all
 * @param scope that a service token must have
 * @param field where the user is named
 * @throws Problem 400, 403
 */
export function actingUser(
  { sub, service }: Caller,
  named: unknown,
  scope: Scope,
  field: 'from' | 'user' = 'user',
): string {
  if (service) requireScope(service, scope);
  const user = named === undefined ? undefined : UserId.safeParse(named);
  if (user?.success === false) throw badPacket(`${field}: ${user.error.issues[0]?.message ?? 'is off'}`);
  if (!service) {
    if (user && user.data !== sub) throw forbidden(`${field}: this token acts only as its own user, ${sub}`);
    return sub;
  }
  if (!user) throw badPacket(`${field}: is required with a service token`);
  if (!service.mayActAs(user.data))
    throw forbidden(`${field}: this service token does not act as ${user.data}`);
  return user.data;
}

/** What only a service token may do, whoever is named. @throws Problem 403 */
export function requireService({ service }: Caller, scope: Scope): ServiceClaim {
  if (!service) throw forbidden(`this needs a service token with the scope ${scope}`);
  requireScope(service, scope);
  return service;
}

/** @throws Problem 403 */
export function requireScope({ scopes }: ServiceClaim, scope: Scope): void {
  if (!scopes.has(scope)) throw forbidden(`this service token lacks the scope ${scope}`);
}
