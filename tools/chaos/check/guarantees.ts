import type { Facts, Message } from './facts.ts';

/** What was still on the server when everything had settled. */
export interface Leftovers {
  /** Messages in mailboxes, as `<receiver> <sender> <id>`. */
  mailbox: ReadonlySet<string>;
  /** How many messages each mailbox holds. */
  held: ReadonlyMap<string, number>;
  /** Most messages of one mailbox. */
  quota: number;
  /** Receipts in mailboxes: `<sender> <receiver> <id>` to the state. */
  receipts: ReadonlyMap<string, string>;
}

export interface Violation {
  guarantee: 'G1' | 'G2' | 'G3' | 'G4' | 'G5' | 'G6';
  /** What is wrong, in words. */
  what: string;
  /** The message that it is about; none for what is about the whole. */
  message?: Message;
}

/** What one message has come to. */
export type Fate = 'delivered' | 'rejected' | 'in the mailbox' | 'lost';

const FINAL = ['delivered', 'rejected'];

/** Every state that the sender was told of, or will find in its mailbox. */
export function states(message: Message, { receipts }: Leftovers): string[] {
  const waiting = receipts.get(`${message.from} ${message.to} ${message.id}`);
  return [...message.words.map(({ state }) => state), ...(waiting === undefined ? [] : [waiting])];
}

/** Nobody empties the mailbox of one who left: once full, it stays so. */
const isFull = (user: string, { left }: Facts, { held, quota }: Leftovers) =>
  left.has(user) && (held.get(user) ?? 0) >= quota;

export const isInMailbox = ({ to, from, id }: Message, { mailbox }: Leftovers) =>
  mailbox.has(`${to} ${from} ${id}`);

/**
 * Where an accepted message is at the end, by what the server says of it: to its sender, or in its database. What a
 * sender who left for good did not hear of any more is delivered if the receiver's application has it.
 */
export function fateOf(message: Message, leftovers: Leftovers): Fate {
  const known = states(message, leftovers);
  if (known.includes('delivered')) return 'delivered';
  if (known.includes('rejected')) return 'rejected';
  if (isInMailbox(message, leftovers)) return 'in the mailbox';
  return message.handed.length > 0 ? 'delivered' : 'lost';
}

/**
 * Whether the sender must have heard by now. One who left for good may have missed an ack:N, for which it would have
 * sent the message again; but what follows `stored` waits in its mailbox.
 */
const isOwedWord = ({ from, words }: Message, { left }: Facts) =>
  !left.has(from) || words.some(({ state }) => state === 'stored');

function checkWord(message: Message, fate: Fate, known: readonly string[]): Violation[] {
  const heard = known.length > 0 ? known.join(', ') : 'nothing';
  const wanted = fate === 'in the mailbox' ? ['stored'] : FINAL;
  if (known.some((state) => wanted.includes(state))) return [];
  return [{ guarantee: 'G3', what: `its sender was told ${heard}, and it is ${fate}`, message }];
}

/** G1 to G3 and G5 for one accepted message. */
export function checkMessage(message: Message, facts: Facts, leftovers: Leftovers): Violation[] {
  const violations: Violation[] = [];
  const violated = (guarantee: Violation['guarantee'], what: string) =>
    violations.push({ guarantee, what, message });
  const { handed, told } = message;
  const fate = fateOf(message, leftovers);
  const known = states(message, leftovers);

  if (fate === 'lost') violated('G1', 'accepted, and neither delivered, nor rejected, nor in the mailbox');
  if (fate === 'delivered' && handed.length === 0)
    violated('G1', 'its sender was told delivered, and no application has it');
  if (fate === 'in the mailbox' && !facts.left.has(message.to))
    violated('G1', 'left lying in the mailbox of a receiver who is connected');

  for (const [who, times] of Map.groupBy(handed, ({ who }) => who))
    if (times.filter(({ again }) => !again).length > 1) violated('G2', `handed to ${who} twice`);

  if (handed.length > 0 && known.includes('rejected')) violated('G3', 'rejected, and delivered all the same');
  if (known.includes('rejected') && !isFull(message.to, facts, leftovers))
    violated('G3', 'rejected, and the mailbox of its receiver was not full');
  if (!facts.left.has(message.from) && known.includes(fate) && !told.includes(fate) && FINAL.includes(fate))
    violated('G3', `the application was told ${told.join(', ') || 'nothing'}, and the wire said ${fate}`);
  const firstConfirmed = Math.min(...message.confirmed.map(({ t }) => t));
  const claimed = message.words.find(({ state, t }) => state === 'delivered' && !(firstConfirmed <= t));
  if (claimed) violated('G3', 'delivered, says the server, and no device had confirmed it');
  if (isOwedWord(message, facts) && fate !== 'lost') violations.push(...checkWord(message, fate, known));
  if (told.some((state, n) => n > 0 && FINAL.includes(told[n - 1] ?? '') && state !== told[n - 1]))
    violated('G3', `the application was told ${told.join(', ')}`);

  if (handed.some(({ intact }) => !intact)) violated('G5', 'handed on changed, or to somebody else');
  return violations;
}
