import type { Leftovers } from '../leftovers.ts';
import { statesOf } from './fate.ts';
import { type Violation, violationsOf } from './guarantees.ts';
import type { Message } from './message.ts';

/** PROTOCOL: read: `read` only if the receiver says so, with the proof that came with the message; and then surely. */
export function checkReading(message: Message, leftovers: Leftovers): Violation[] {
  const { arrived, marked, markAccepted, states } = message;
  const proofs = new Set(arrived.flatMap(({ proof }) => proof ?? []));
  const proven = marked.filter(({ proof }) => proofs.has(proof));
  const provenAt = Math.min(...proven.map(({ t }) => t));
  const claimed = states.some(({ state, t }) => state === 'read' && !(provenAt <= t));
  const forged = marked.length > proven.length;
  // What was accepted after the last look may be on its way.
  const accepted = markAccepted.some(({ t }) => provenAt <= t && t < leftovers.lookedAt);
  const all = statesOf(message, leftovers);
  const due = accepted && !all.includes('rejected');
  return violationsOf(message, [
    ['G3', claimed && forged, 'read, says the server, by a proof that it never gave out'],
    ['G3', claimed && !forged, 'read, says the server, and no device of the receiver had said so'],
    [
      'G3',
      due && !all.includes('read'),
      'marked as read, accepted with read:A, and its sender does not know',
    ],
    ['G5', proofs.size > 0 && !message.read, 'asked for a read receipt that its sender did not ask for'],
    ['G5', proofs.size > 1, 'came with two different proofs'],
  ]);
}
