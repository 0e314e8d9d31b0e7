import type { Leftovers } from '../leftovers.ts';
import type { Message, TellingState } from './message.ts';

/** Where an accepted message is at the end. */
export type Fate = 'delivered' | 'rejected' | 'in the mailbox' | 'lost';

export const FINAL = ['delivered', 'read', 'rejected'];
export const DELIVERED = ['delivered', 'read'];

/** Every state that the sender got, or will find in its mailbox, on any device. */
export function tellingsOf({ from, to, id, states }: Message, leftovers: Leftovers): TellingState[] {
  const name = `${from} ${to} ${id}`;
  const waiting = leftovers.receipts.get(name);
  const onDevices = leftovers.devices.receipts.get(name)?.values() ?? [];
  return [...states, ...(waiting === undefined ? [] : [waiting]), ...onDevices];
}

export const statesOf = (message: Message, leftovers: Leftovers): string[] =>
  tellingsOf(message, leftovers).map(({ state }) => state);

const nameOf = ({ to, from, id }: Message) => `${to} ${from} ${id}`;

/** From when on what waits of it is of no use: one time for each mailbox that has it. */
export function waitingUntil(message: Message, { mailbox, devices }: Leftovers): number[] {
  const until = mailbox.get(nameOf(message));
  const copies = devices.copies.get(nameOf(message))?.values() ?? [];
  return [...(until === undefined ? [] : [until]), ...copies];
}

export const isInMailbox = (message: Message, leftovers: Leftovers): boolean =>
  waitingUntil(message, leftovers).length > 0;

/** Whether its time is over, and only the sweep has not come by. */
export const isOverdue = (message: Message, leftovers: Leftovers): boolean =>
  isInMailbox(message, leftovers) &&
  waitingUntil(message, leftovers).every((until) => until <= leftovers.lookedAt);

/**
 * By what the server says: to the sender, or in its database. If the sender left before it heard, a message is
 * delivered that the receiver's application has.
 */
export function fateOf(message: Message, leftovers: Leftovers): Fate {
  const states = statesOf(message, leftovers);
  if (states.some((state) => DELIVERED.includes(state))) return 'delivered';
  if (states.includes('rejected')) return 'rejected';
  if (isInMailbox(message, leftovers)) return 'in the mailbox';
  if (message.handed.length > 0) return 'delivered';
  return message.unheard ? 'rejected' : 'lost';
}
