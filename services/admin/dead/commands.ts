import type { CommandBroker } from '../broker.ts';
import { AdminError } from '../errors.ts';
import { type Letter, shown, type ShownLetter } from './letters.ts';
import { goThrough } from './queue.ts';

export interface Look {
  letters: ShownLetter[];
  /** The queue holds more than the command read. */
  more: boolean;
}

/** Lists `sixfold.dead`, without bodies. Changes nothing. */
export async function look(broker: CommandBroker, most: number): Promise<Look> {
  const letters: ShownLetter[] = [];
  const more = await goThrough(broker, most, (letter) => {
    letters.push(shown(letter));
    return 'stays';
  });
  return { letters, more };
}

/** Selects letters: by name, or all. */
export type Chosen = readonly string[] | 'all';

export interface Outcome {
  /** Names of the letters that left the queue. */
  done: string[];
  /** Letters that stayed, and why. */
  failed: { letter: string; reason: string }[];
}

/**
 * Puts letters back into the queues they came from. A letter leaves `sixfold.dead` only after the publisher confirm of the
 * other queue. Duplicates are harmless there, so a killed command can be repeated.
 */
export function requeue(broker: CommandBroker, chosen: Chosen): Promise<Outcome> {
  return settle(broker, chosen, async ({ target, content }) => {
    if (target === undefined) return 'no service could read it there';
    const entries = content.trimStart().startsWith('[') ? content : `[${content}]`;
    return (await broker.put(target, entries)) ? undefined : `there is no queue ${target}`;
  });
}

/** Discards the named letters, and nothing else. */
export function discard(broker: CommandBroker, letters: readonly string[]): Promise<Outcome> {
  return settle(broker, letters, () => Promise.resolve(undefined));
}

/** @param deal runs before a letter may leave; returns why it must stay */
async function settle(
  broker: CommandBroker,
  chosen: Chosen,
  deal: (letter: Letter) => Promise<string | undefined>,
): Promise<Outcome> {
  const outcome: Outcome = { done: [], failed: [] };
  await goThrough(broker, Infinity, async (letter) => {
    if (chosen !== 'all' && !chosen.includes(letter.letter)) return 'stays';
    const reason = await deal(letter);
    if (reason === undefined) outcome.done.push(letter.letter);
    else outcome.failed.push({ letter: letter.letter, reason });
    return reason === undefined ? 'leaves' : 'stays';
  });
  if (chosen !== 'all') {
    const seen = new Set([...outcome.done, ...outcome.failed.map(({ letter }) => letter)]);
    const missing = chosen.filter((letter) => !seen.has(letter));
    if (missing.length > 0 && seen.size === 0)
      throw new AdminError('not_found', `no such letter: ${missing.join(', ')}`);
    for (const letter of missing) outcome.failed.push({ letter, reason: 'there is no such letter' });
  }
  return outcome;
}
