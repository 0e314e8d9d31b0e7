import type { Request } from 'express';
import type { z } from 'zod';
import { BodyStream } from './body-stream.ts';
import { badPacket, unsupported } from './problems.ts';

const JSON_TYPE = 'application/json';

/** The media type of a body, without parameters. @throws Problem 415 for a body in another encoding */
export function mediaType({ headers }: Request): string {
  const { 'content-type': type = '', 'content-encoding': encoding = 'identity' } = headers;
  if (encoding.toLowerCase() !== 'identity')
    throw unsupported('a compressed body is not accepted', { 'Accept-Encoding': 'identity' });
  const [media = '', ...parameters] = type.split(';').map((part) => part.trim().toLowerCase());
  const charset = parameters.find((parameter) => parameter.startsWith('charset='));
  if (charset !== undefined && !/^charset="?utf-?8"?$/.test(charset))
    throw unsupported('only UTF-8 is accepted');
  return media;
}

/** The text of a body of JSON, not parsed yet. @throws Problem 400, 408, 413, 415 */
export async function jsonText(request: Request, maxBytes: number): Promise<string> {
  if (mediaType(request) !== JSON_TYPE) throw unsupported(`Content-Type must be ${JSON_TYPE}`);
  const chunks: Buffer[] = [];
  await new Promise<void>((resolve, reject) => {
    new BodyStream(request, maxBytes, {
      chunk: (chunk) => void chunks.push(chunk),
      end: (problem) => (problem ? reject(problem) : resolve()),
    });
  });
  return utf8(Buffer.concat(chunks));
}

/** A body of JSON that fits the schema. @throws Problem 400, 408, 413, 415 */
export async function jsonBody<S extends z.ZodType>(
  request: Request,
  maxBytes: number,
  schema: S,
): Promise<z.output<S>> {
  const text = await jsonText(request, maxBytes);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw badPacket('the body is not JSON');
  }
  return checked(schema, json);
}

/** @throws Problem 400 that names the field */
export function checked<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const { success, data, error } = schema.safeParse(value);
  if (success) return data;
  const issue = error.issues[0];
  const field = String(issue?.path[0] ?? 'body');
  throw badPacket(`${field}: ${issue?.message ?? 'is off'}`);
}

const decoder = new TextDecoder('utf-8', { fatal: true });

/** @throws Problem 400 */
export function utf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw badPacket('this is not UTF-8');
  }
}
