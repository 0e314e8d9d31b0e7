import { SHORT_TTL } from '../clients/drafts.ts';
import type { Leftovers } from '../leftovers.ts';
import type { Facts } from './facts.ts';
import { byDevice, type Message, type TellingState } from './message.ts';

export type Guarantee = 'G1' | 'G2' | 'G3' | 'G4' | 'G5' | 'G6';

export interface Violation {
  guarantee: Guarantee;
  /** What is wrong, in words. */
  what: string;
  /** None if it is about the run as a whole. */
  message?: Message;
}

/** A guarantee, whether it is broken, and how. */
export type Rule = [Guarantee, broken: boolean, what: string];

/** The rules that are broken. */
export const violationsOf = (message: Message, rules: readonly Rule[]): Violation[] =>
  rules.filter(([, broken]) => broken).map(([guarantee, , what]) => ({ guarantee, what, message }));

/** Where an accepted message is at the end. */
export type Fate = 'delivered' | 'rejected' | 'in the mailbox' | 'lost';

const FINAL = ['delivered', 'read', 'rejected'];
const DELIVERED = ['delivered', 'read'];

/** Every state that the sender got, or will find in its mailbox. */
export function tellingsOf({ from, to, id, states }: Message, { receipts }: Leftovers): TellingState[] {
  const waiting = receipts.get(`${from} ${to} ${id}`);
  return [...states, ...(waiting === undefined ? [] : [waiting])];
}

export const statesOf = (message: Message, leftovers: Leftovers): string[] =>
  tellingsOf(message, leftovers).map(({ state }) => state);

const nameOf = ({ to, from, id }: Message) => `${to} ${from} ${id}`;
export const isInMailbox = (message: Message, { mailbox }: Leftovers) => mailbox.has(nameOf(message));

/** Whether its time is over, and only the sweep has not come by. */
const isOverdue = (message: Message, { mailbox, lookedAt }: Leftovers) =>
  (mailbox.get(nameOf(message)) ?? Infinity) <= lookedAt;

/**
 * By what the server says: to the sender, or in its database. If the sender left before it heard, a message is
 * delivered that the receiver's application has.
 */
export function fateOf(message: Message, leftovers: Leftovers): Fate {
  const states = statesOf(message, leftovers);
  if (states.some((state) => DELIVERED.includes(state))) return 'delivered';
  if (states.includes('rejected')) return 'rejected';
  if (isInMailbox(message, leftovers)) return 'in the mailbox';
  return message.handed.length > 0 ? 'delivered' : 'lost';
}

const listed = (all: readonly string[]) => all.join(', ') || 'nothing';

/** G1 to G3 and G5 for one accepted message to one receiver. */
export function checkMessage(message: Message, facts: Facts, leftovers: Leftovers): Violation[] {
  const { to, handed } = message;
  const fate = fateOf(message, leftovers);
  const [twice] = [...byDevice(handed.filter(({ again }) => !again))].find(([, all]) => all.length > 1) ?? [];
  const stuck = fate === 'in the mailbox' && !facts.left.has(to) && !isOverdue(message, leftovers);
  const others = message.list.length > 1 ? ', as one of a list' : '';
  return violationsOf(message, [
    ['G1', fate === 'lost', `accepted, and neither delivered, nor rejected, nor in the mailbox${others}`],
    [
      'G1',
      fate === 'delivered' && handed.length === 0,
      'its sender was told delivered, and no application has it',
    ],
    ['G1', stuck, 'left lying in the mailbox of a receiver who is connected'],
    ['G2', twice !== undefined, `handed to ${twice ?? ''} twice`],
    ['G5', handed.some(({ intact }) => !intact), 'handed on changed, or to somebody else'],
    ...truthRules(message, facts, leftovers),
  ]);
}

/** G3: what the sender was told, and what is so. */
function truthRules(message: Message, { left }: Facts, leftovers: Leftovers): Rule[] {
  const { from, confirmed } = message;
  const [fate, states] = [fateOf(message, leftovers), statesOf(message, leftovers)];
  const told = message.told.map(({ state }) => state);
  const senderLeft = left.has(from);
  const confirmedAt = Math.min(...confirmed.map(({ t }) => t));
  const claimed = message.states.some(({ state, t }) => state === 'delivered' && !(confirmedAt <= t));
  // A sender may miss an ack:N if it left, or if nothing is to be asked again: the message is of no use by now. But what
  // follows `stored` waits in its mailbox.
  const asks = !senderLeft && (message.ttl ?? Infinity) > SHORT_TTL.max;
  const mustKnow = fate !== 'lost' && (asks || message.states.some(({ state }) => state === 'stored'));
  const knows = states.some((state) =>
    fate === 'in the mailbox' ? state === 'stored' : FINAL.includes(state),
  );
  // Where a message expired while its confirmation was under way, the first final state stands.
  const accepts =
    message.ttl !== undefined && states.includes('rejected') ? FINAL : [fate, ...finalFor(fate)];
  const said = fate !== 'in the mailbox' && finalFor(fate).some((state) => states.includes(state));
  const unsaid = said && !senderLeft && !told.some((state) => accepts.includes(state));
  return [
    ['G3', unsaid, `the application was told ${listed(told)}, and the wire said ${fate}`],
    ['G3', claimed, 'delivered, says the server, and no device had confirmed it'],
    ['G3', mustKnow && !knows, `its sender was told ${listed(states)}, and it is ${fate}`],
    ['G3', stepsBack(message), `a state stepped back: the application was told ${listed(told)}`],
  ];
}

const finalFor = (fate: Fate) => (fate === 'delivered' ? DELIVERED : fate === 'rejected' ? ['rejected'] : []);

const RANK: Record<string, number> = { stored: 1, delivered: 2, rejected: 2, read: 3 };

/**
 * States only move forward, and nothing follows `rejected`. A later run of the program may be told again; and where a
 * message with a ttl was sent twice, one copy may expire and the other be delivered (RELIABILITY: what is not promised).
 */
function stepsBack({ told, ttl, requested }: Message): boolean {
  const copies = ttl !== undefined && requested.length > 1;
  return told.some(({ state, late }, n) => {
    const before = told[n - 1]?.state;
    if (before === undefined || before === state) return false;
    const twice = copies ? FINAL : DELIVERED;
    if (late && twice.includes(before) && twice.includes(state)) return false;
    return before === 'rejected' || (RANK[state] ?? 0) <= (RANK[before] ?? 0);
  });
}
