import { SHORT_TTL } from '../clients/drafts.ts';
import type { Leftovers } from '../leftovers.ts';
import type { Facts } from './facts.ts';
import { DELIVERED, fateOf, FINAL, isOverdue, statesOf } from './fate.ts';
import { byDevice, isOverHttp, type Message } from './message.ts';
import { stepsBack } from './steps.ts';

export type Guarantee = 'G1' | 'G2' | 'G3' | 'G4' | 'G5' | 'G6' | 'events';

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

export const listed = (all: readonly string[]) => all.join(', ') || 'nothing';

/** G1 to G3 and G5 for one accepted message to one receiver. */
export function checkMessage(message: Message, facts: Facts, leftovers: Leftovers): Violation[] {
  const { to, handed } = message;
  const fate = fateOf(message, leftovers);
  const [twice] = [...byDevice(handed.filter(({ again }) => !again))].find(([, all]) => all.length > 1) ?? [];
  const stuck = fate === 'in the mailbox' && !facts.left.has(to) && !isOverdue(message, leftovers);
  const others = `${message.list.length > 1 ? ', as one of a list' : ''}${isOverHttp(message.sending) ? ', sent over HTTP' : ''}`;
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
function truthRules(message: Message, { left, devices }: Facts, leftovers: Leftovers): Rule[] {
  const { from, confirmed, sending } = message;
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
  const [own, other] = [true, false].map((own) =>
    stepsBack(message, devices).find((who) => (who === sending.by) === own),
  );
  const toldOn = (device: string | undefined) =>
    listed(message.told.filter(({ who }) => who === device).map(({ state }) => state));
  return [
    ['G3', unsaid, `the application was told ${listed(told)}, and the wire said ${fate}`],
    ['G3', claimed, 'delivered, says the server, and no device had confirmed it'],
    ['G3', mustKnow && !knows, `its sender was told ${listed(states)}, and it is ${fate}`],
    ['G3', own !== undefined, `a state stepped back: the application was told ${toldOn(own)}`],
    ['G3', other !== undefined, `a state stepped back on another device: it was told ${toldOn(other)}`],
  ];
}

export const finalFor = (fate: string) =>
  fate === 'delivered' ? DELIVERED : fate === 'rejected' ? ['rejected'] : [];
