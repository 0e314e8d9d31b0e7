import type { SeededRandom } from '../../testkit/seeded-random.ts';
import type { Receiver } from '../users.ts';

/** A message before it is sent. */
export interface Draft {
  to: string | string[];
  thread?: string;
  ttl?: number;
  read?: true;
}

/** Shares of the messages: to a list, with a ttl, with a thread, with a read receipt. */
const LIST = 0.08;
const TTL = { away: 0.6, others: 0.1 };
const THREAD = 0.2;
const READ = 0.25;
/** Besides the usual one. */
const MAX_OTHERS = 4;
/** For a receiver who may be away, and now and then for any; for the others, seconds. */
export const SHORT_TTL = { chance: 0.1, min: 1, max: 2 };
const LONG_TTL_S = 3_600;

/** A message to the usual receiver of a user, sometimes with others; some with one or more of the optional fields. */
export function draftOf(
  random: SeededRandom,
  { user, to, receivers }: { user: string; to: string; receivers: readonly Receiver[] },
): Draft {
  const others = receivers.filter((receiver) => receiver.user !== user && receiver.user !== to);
  const listed = random.chance(LIST) ? random.shuffled(others).slice(0, random.integer(1, MAX_OTHERS)) : [];
  const away = [...receivers.filter((receiver) => receiver.user === to), ...listed].some((one) => one.away);
  const short = away || random.chance(SHORT_TTL.chance);
  const seconds = random.integer(SHORT_TTL.min, SHORT_TTL.max);
  return {
    to: listed.length > 0 ? random.shuffled([to, ...listed.map((receiver) => receiver.user)]) : to,
    ...(random.chance(THREAD) && { thread: `room:${random.integer(1, 9)}` }),
    ...(random.chance(away ? TTL.away : TTL.others) && { ttl: short ? seconds : LONG_TTL_S }),
    ...(random.chance(READ) && { read: true }),
  };
}
