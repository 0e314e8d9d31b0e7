import type { Request } from 'express';
import { DeviceId } from '#libs/protocol/names.ts';
import { actingUser, type Caller, requireService } from './caller.ts';
import { badPacket } from './problems.ts';

/** The user and device that a path names. */

/**
 * Clients and proxies normalize a segment `.` or `..` away, also where it is written as `%2E`. So a dot may be written as
 * `%252E`; what is decoded once holds no other percent sign.
 */
const segment = ({ params }: Request, name: string) => {
  const text = params[name];
  return typeof text === 'string' ? text.replaceAll('%2E', '.') : undefined;
};

/** The caller's own user, or one that a service token with the scope `admin` acts as. @throws Problem 400, 403 */
export const ownOrAdmin = (caller: Caller, request: Request): string =>
  actingUser(caller, segment(request, 'user'), 'admin');

/** A user that a service token with the scope `admin` acts as. @throws Problem 400, 403 */
export function onlyAdmin(caller: Caller, request: Request): string {
  requireService(caller, 'admin');
  return ownOrAdmin(caller, request);
}

/** @throws Problem 400 */
export function deviceOf(request: Request): string {
  const { success, data, error } = DeviceId.safeParse(segment(request, 'device'));
  if (success) return data;
  throw badPacket(`device: ${error.issues[0]?.message ?? 'is off'}`);
}
