import type { Request } from 'express';
import { z } from 'zod';
import { DeviceId, MessageId, UserId } from '#libs/protocol/names.ts';
import { ConsoleError } from './errors.ts';

/** Most letters in one request. */
const MAX_LETTERS = 1_000;

const Letters = z
  .array(z.string().regex(/^[0-9a-f]{12}$/, 'must be names of letters'))
  .min(1)
  .max(MAX_LETTERS);

/** @throws ConsoleError that names the field */
function parse<T>(schema: z.ZodType<T>, value: unknown): T {
  const read = schema.safeParse(value ?? {});
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  const field = issue?.path[0] === undefined ? '' : `${String(issue.path[0])}: `;
  throw new ConsoleError('bad_request', `${field}${issue?.message ?? 'cannot be read'}`);
}

export const userOf = ({ params }: Request) => parse(z.object({ user: UserId }), params);

/** A device of a user, or all; the user's name must be repeated. @throws ConsoleError `not_confirmed` */
export function confirmedUser(request: Request) {
  const { user } = userOf(request);
  const body = z.object({ confirm: z.string().optional(), device: DeviceId.optional() });
  const { confirm, device } = parse(body, request.body);
  if (confirm !== user)
    throw new ConsoleError('not_confirmed', `confirm: must be the name of the user, ${user}`);
  return { user, device };
}

export const messageOf = ({ query }: Request) =>
  parse(z.object({ from: UserId, id: MessageId, to: UserId.optional() }), query);

export const lettersOf = ({ body }: Request) => parse(z.object({ letters: Letters }), body);

/** Letters to discard; their number must be repeated. @throws ConsoleError `not_confirmed` */
export function confirmedLetters(request: Request) {
  const { letters } = lettersOf(request);
  const { confirm } = parse(z.object({ confirm: z.number().optional() }), request.body);
  if (confirm !== letters.length)
    throw new ConsoleError('not_confirmed', `confirm: must be the number of letters, ${letters.length}`);
  return { letters };
}

export const mostOf = ({ query }: Request) =>
  parse(z.object({ most: z.coerce.number().int().min(1).max(1_000).default(50) }), query);
