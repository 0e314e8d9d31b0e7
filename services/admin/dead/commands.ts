import type { CommandBroker } from '../broker.ts';
import { AdminError } from '../errors.ts';
import { type Letter, shown, type ShownLetter } from './letters.ts';
import { goThrough } from './queue.ts';

export interface Look {
  letters: ShownLetter[];
  /** There are more than were looked at. */
  more: boolean;
}

/** What lies in `sixfold.dead`, without its bodies. Nothing is changed. */
export async function look(broker: CommandBroker, most: number): Promise<Look> {
  const letters: ShownLetter[] = [];
  const more = await goThrough(broker, most, (letter) => {
    letters.push(shown(letter));
    return 'stays';
  });
  return { letters, more };
}

/** Which letters are meant: by name, or all of them. */
export type Chosen = readonly string[] | 'all';

export interface Outcome {
  /** Names of the letters that left. */
  done: string[];
  /** Those that are still there, and why. */
  failed: { letter: string; reason: string }[];
}

/**
 * Puts letters back to where they were read. Each leaves `sixfold.dead` only when the broker has confirmed it in the other
 * queue; duplicates are harmless there, so a command that was killed can be given again.
 */
export function requeue(broker: CommandBroker, chosen: Chosen): Promise<Outcome> {
  return settle(broker, chosen, async ({ target, content }) => {
    if (target === undefined) return 'no service could read it there';
    const entries = content.trimStart().startsWith('[') ? content : `[${content}]`;
    return (await broker.put(target, entries)) ? undefined : `there is no queue ${target}`;
  });
}

/** Throws letters away: those that are named, and nothing else. */
export function discard(broker: CommandBroker, letters: readonly string[]): Promise<Outcome> {
  return settle(broker, letters, () => Promise.resolve(undefined));
}

/** @param deal does what must be done before a letter may leave; returns why it must stay */
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
