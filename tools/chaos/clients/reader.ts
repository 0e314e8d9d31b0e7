import { setTimeout as delay } from 'node:timers/promises';
import type { IncomingMessage } from '#libs/client/index.ts';
import type { SeededRandom } from '../../testkit/seeded-random.ts';

/** Share of the messages that the user reads, and how long it takes at most, milliseconds. */
const READS = 0.8;
const MAX_MS = 4_000;
/** Share of the other messages for which the client makes up a proof. */
const FORGES = 0.05;
const FORGED_PROOF = 'A'.repeat(22);

/**
 * Marks as read what asks for it, after a while; and says so of some messages that do not ask for it, with a proof that
 * the server never gave out.
 *
 * @param over fires when nothing new may begin
 */
export async function read(
  message: IncomingMessage,
  random: SeededRandom,
  markRead: (item: { from: string; id: string; read: string }) => void,
  over: AbortSignal,
): Promise<void> {
  const { from, id, read: proof, own } = message;
  if (own) return;
  if (!random.chance(proof === undefined ? FORGES : READS)) return;
  await delay(random.integer(0, MAX_MS), undefined, { signal: over, ref: false }).catch(() => undefined);
  if (!over.aborted) markRead({ from, id, read: proof ?? FORGED_PROOF });
}
