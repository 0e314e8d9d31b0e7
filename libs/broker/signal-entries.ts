import { z } from 'zod';
import { isJson } from '#libs/protocol/json.ts';
import { MAX_RECEIVERS_CEILING } from '#libs/protocol/limits.ts';
import { At, Thread, UserId } from '#libs/protocol/names.ts';
import { Session } from './entry-fields.ts';

/** The entries of signals. What does not fit is dropped: a signal is not worth a dead letter. */

const signal = { from: UserId, body: z.string(), at: At, thread: Thread.optional() };

/** gateway -> routing: to the sessions that these users have at that moment. */
export const SentSignal = z.object({ ...signal, to: z.array(UserId).min(1).max(MAX_RECEIVERS_CEILING) });
export type SentSignal = z.infer<typeof SentSignal>;

/** routing -> gateway: to these sessions. The gateway copies the body into a packet unescaped. */
export const LiveSignal = z.object({
  ...signal,
  body: z.string().refine(isJson, { error: 'is not JSON' }),
  sessions: z.array(Session),
});
export type LiveSignal = z.infer<typeof LiveSignal>;

/** The entries of an AMQP message that fit. */
export function parseSignals<S>(content: Buffer, schema: z.ZodType<S>): S[] {
  let json: unknown;
  try {
    json = JSON.parse(content.toString());
  } catch {
    return [];
  }
  if (!Array.isArray(json)) return [];
  return json.flatMap((element) => schema.safeParse(element).data ?? []);
}
