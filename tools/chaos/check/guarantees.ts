import type { Leftovers } from '../leftovers.ts';
import { byDevice, type Facts, type Message } from './facts.ts';

export type Guarantee = 'G1' | 'G2' | 'G3' | 'G4' | 'G5' | 'G6';

export interface Violation {
  guarantee: Guarantee;
  /** What is wrong, in words. */
  what: string;
  /** None if it is about the run as a whole. */
  message?: Message;
}

/** Where an accepted message is at the end. */
export type Fate = 'delivered' | 'rejected' | 'in the mailbox' | 'lost';

const FINAL = ['delivered', 'rejected'];

/** Every state that the sender got, or will find in its mailbox. */
export function statesOf({ from, to, id, states }: Message, { receipts }: Leftovers): string[] {
  const waiting = receipts.get(`${from} ${to} ${id}`);
  return [...states.map(({ state }) => state), ...(waiting === undefined ? [] : [waiting])];
}

export const isInMailbox = ({ to, from, id }: Message, { mailbox }: Leftovers) =>
  mailbox.has(`${to} ${from} ${id}`);

/**
 * By what the server says: to the sender, or in its database. If the sender left before it heard, a message is
 * delivered that the receiver's application has.
 */
export function fateOf(message: Message, leftovers: Leftovers): Fate {
  const states = statesOf(message, leftovers);
  if (states.includes('delivered')) return 'delivered';
  if (states.includes('rejected')) return 'rejected';
  if (isInMailbox(message, leftovers)) return 'in the mailbox';
  return message.handed.length > 0 ? 'delivered' : 'lost';
}

/** G1 to G3 and G5 for one accepted message: each rule with whether it is broken. */
export function checkMessage(message: Message, { left }: Facts, leftovers: Leftovers): Violation[] {
  const { from, to, handed, told, confirmed } = message;
  const [fate, states] = [fateOf(message, leftovers), statesOf(message, leftovers)];
  const [isRejected, isFinal] = [states.includes('rejected'), FINAL.includes(fate)];
  const senderLeft = left.has(from);
  // No one empties the mailbox of a user who left, so it stays full.
  const isFull = left.has(to) && (leftovers.held.get(to) ?? 0) >= leftovers.quota;
  const [twice] = [...byDevice(handed.filter(({ again }) => !again))].find(([, all]) => all.length > 1) ?? [];
  const confirmedAt = Math.min(...confirmed.map(({ t }) => t));
  const claimed = message.states.some(({ state, t }) => state === 'delivered' && !(confirmedAt <= t));
  // A sender who left may have missed an ack:N; but what follows `stored` waits in its mailbox.
  const mustKnow = fate !== 'lost' && (!senderLeft || message.states.some(({ state }) => state === 'stored'));
  const knows = states.some((state) =>
    fate === 'in the mailbox' ? state === 'stored' : FINAL.includes(state),
  );
  const unsaid = isFinal && states.includes(fate) && !senderLeft && !told.includes(fate);
  const wavered = told.some((state, n) => FINAL.includes(told[n - 1] ?? '') && state !== told[n - 1]);
  const list = (all: readonly string[]) => all.join(', ') || 'nothing';
  const rules: [Guarantee, boolean, string][] = [
    ['G1', fate === 'lost', 'accepted, and neither delivered, nor rejected, nor in the mailbox'],
    [
      'G1',
      fate === 'delivered' && handed.length === 0,
      'its sender was told delivered, and no application has it',
    ],
    [
      'G1',
      fate === 'in the mailbox' && !left.has(to),
      'left lying in the mailbox of a receiver who is connected',
    ],
    ['G2', twice !== undefined, `handed to ${twice ?? ''} twice`],
    ['G3', isRejected && handed.length > 0, 'rejected, and delivered all the same'],
    ['G3', isRejected && !isFull, 'rejected, and the mailbox of its receiver was not full'],
    ['G3', unsaid, `the application was told ${list(told)}, and the wire said ${fate}`],
    ['G3', claimed, 'delivered, says the server, and no device had confirmed it'],
    ['G3', mustKnow && !knows, `its sender was told ${list(states)}, and it is ${fate}`],
    ['G3', wavered, `the application was told ${list(told)}`],
    ['G5', handed.some(({ intact }) => !intact), 'handed on changed, or to somebody else'],
  ];
  return rules.filter(([, broken]) => broken).map(([guarantee, , what]) => ({ guarantee, what, message }));
}
