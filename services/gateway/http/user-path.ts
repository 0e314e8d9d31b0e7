import type { Request } from 'express';
import { DeviceId } from '#libs/protocol/names.ts';
import { actingUser, type Caller, requireService } from './caller.ts';
import { badPacket } from './problems.ts';

/** The user and device that a path names. */

/** The caller's own user, or one that a service token with the scope `admin` acts as. @throws Problem 400, 403 */
export const ownOrAdmin = (caller: Caller, { params }: Request): string =>
  actingUser(caller, params['user'], 'admin');

/** A user that a service token with the scope `admin` acts as. @throws Problem 400, 403 */
export function onlyAdmin(caller: Caller, request: Request): string {
  requireService(caller, 'admin');
  return ownOrAdmin(caller, request);
}

/** @throws Problem 400 */
export function deviceOf({ params }: Request): string {
  const { success, data, error } = DeviceId.safeParse(params['device']);
  if (success) return data;
  throw badPacket(`device: ${error.issues[0]?.message ?? 'is off'}`);
}
