import type { WebhookMessageEvent } from '#libs/client/server/webhook.ts';
import type { SeenEvent } from '../event-endpoint.ts';
import type { FaultEvent } from '../history.ts';
import type { Leftovers } from '../leftovers.ts';
import type { Facts } from './facts.ts';
import { fateOf, isOverdue, statesOf } from './fate.ts';
import { type Rule, type Violation, violationsOf } from './guarantees.ts';
import type { Message } from './message.ts';
import { isCalm } from './order.ts';

/** What the back end heard of one message to one receiver, by type. */
type Heard = ReadonlyMap<string, readonly SeenEvent[]>;

const isMessageEvent = (event: SeenEvent['event']): event is WebhookMessageEvent => 'from' in event;

/** What makes an event this fact and no other, as far as a back end can tell. */
const factOf = ({ event }: SeenEvent): string =>
  isMessageEvent(event)
    ? [event.type, event.from, event.id, event.to].join(' ')
    : [event.type, event.user, event.device].join(' ');

export const factsIn = (seen: readonly SeenEvent[]): number =>
  new Set(seen.map(({ event }) => event.event)).size;

/** Each state of each message comes as an event, none is invented, and `event` names one fact. */
export function checkEvents(
  { messages }: Facts,
  leftovers: Leftovers,
  faults: readonly FaultEvent[],
  seen: readonly SeenEvent[],
): Violation[] {
  const byMessage = Map.groupBy(
    seen.filter(({ event }) => isMessageEvent(event)),
    (one) => factOf(one).replace(/^\S+ /, ''),
  );
  const names = new Set(messages.map(({ from, id, to }) => [from, id, to].join(' ')));
  const unknown = [...byMessage].filter(([name]) => !names.has(name));
  const byReceiver = Map.groupBy(messages, ({ to }) => to);
  return [
    ...messages.flatMap((message) => {
      const { from, id, to } = message;
      const heard = Map.groupBy(byMessage.get([from, id, to].join(' ')) ?? [], ({ event }) => event.type);
      return violationsOf(message, [
        ...lostRules(message, leftovers, heard),
        ...truthRules(message, leftovers, heard),
        ...storedRules(
          message,
          leftovers,
          heard,
          (from, to) => isCalm(faults, from, to) && arePrompt(byReceiver.get(message.to) ?? [], from, to),
        ),
      ]);
    }),
    ...unknown.map(([name]): Violation => {
      return { guarantee: 'events', what: `an event of a message that nobody sent: ${name}` };
    }),
    ...checkNames(seen),
  ];
}

/** Events that a back end must have taken. */
function lostRules(message: Message, leftovers: Leftovers, heard: Heard): Rule[] {
  const states = new Set(statesOf(message, leftovers));
  if (message.accepted.length > 0) {
    const fate = fateOf(message, leftovers);
    states.add('accepted');
    // Where its time is over, or one device has it and the sender did not hear of that, the rest in a mailbox says nothing.
    const waits = message.confirmed.length === 0 && !isOverdue(message, leftovers);
    if (fate === 'in the mailbox' && waits) states.add('stored');
    if (fate === 'rejected') states.add('rejected');
  }
  const took = (state: string) => heard.get(`message.${state}`)?.some(({ taken }) => taken) === true;
  return [...states].map((state): Rule => ['events', !took(state), `message.${state} never came`]);
}

/** Events that say what is not so. */
function truthRules(message: Message, leftovers: Leftovers, heard: Heard): Rule[] {
  const { requested, confirmed, marked, arrived, ttl } = message;
  const proofs = new Set(arrived.flatMap(({ proof }) => proof ?? []));
  const reasons = (heard.get('message.rejected') ?? []).map(({ event }) =>
    isMessageEvent(event) ? event.reason : undefined,
  );
  const expired = reasons.includes('expired');
  const full = reasons.some((reason) => reason !== 'expired');
  const is = (state: string) => heard.has(`message.${state}`);
  const told = statesOf(message, leftovers);
  return [
    ['events', heard.size > 0 && requested.length === 0, 'an event of a message that never left its client'],
    [
      'events',
      is('delivered') && confirmed.length === 0,
      'message.delivered, and no device had confirmed it',
    ],
    [
      'events',
      is('read') && !marked.some(({ proof }) => proofs.has(proof)),
      'message.read, and no device of the receiver had said so',
    ],
    ['events', expired && ttl === undefined, 'message.rejected as expired, and it had no ttl'],
    [
      'events',
      full && (is('delivered') || told.includes('delivered')),
      'message.rejected, and delivered all the same',
    ],
  ];
}

/** A receiver that confirms so soon is never given up by its gateway, milliseconds. */
const PROMPT_MS = 500;
/** Longer than any wait for a confirmation: what a receiver leaves unanswered sends back what follows, too. */
const WAIT_MS = 10_000;

/** Whether each device confirmed at once what came to it. @param messages to one receiver */
const arePrompt = (messages: readonly Message[], from: number, to: number): boolean =>
  messages
    .filter(({ sentAt }) => sentAt > from - WAIT_MS && sentAt <= to)
    .every(
      ({ sentAt, arrived, confirmed }) =>
        arrived.length > 0 &&
        arrived.every(({ who }) => confirmed.some((one) => one.who === who && one.t < sentAt + PROMPT_MS)),
    );

/**
 * A message waited if it came out of a mailbox, or is in one; beside faults, and where a device is slow, much goes there that
 * its receiver confirms live.
 */
function storedRules(
  message: Message,
  leftovers: Leftovers,
  heard: Heard,
  isSmooth: (from: number, to: number) => boolean,
): Rule[] {
  const { requested, arrived, confirmed, sentAt } = message;
  const [confirmation] = confirmed;
  if (!heard.has('message.stored') || requested.length !== 1 || !confirmation) return [];
  const waited =
    arrived.some(({ via }) => via === 'mailbox') ||
    statesOf(message, leftovers).some((state) => state === 'stored' || state === 'rejected') ||
    fateOf(message, leftovers) === 'in the mailbox';
  const invented = !waited && isSmooth(sentAt, confirmation.t);
  return [['events', invented, 'message.stored, and it never waited']];
}

/** The same fact has the same `event`, and another one has another. */
function checkNames(seen: readonly SeenEvent[]): Violation[] {
  const spread = (pairs: readonly (readonly [string, string])[]) =>
    [...Map.groupBy(pairs, ([key]) => key)].flatMap(([key, all]) =>
      new Set(all.map(([, value]) => value)).size > 1 ? [key] : [],
    );
  const messages = seen.filter(({ event }) => isMessageEvent(event));
  const differing = spread(messages.map((one) => [factOf(one), one.event.event] as const));
  const shared = spread(seen.map((one) => [one.event.event, factOf(one)] as const));
  return [
    ...differing.map((fact): Violation => ({
      guarantee: 'events',
      what: `one fact with several names: ${fact}`,
    })),
    ...shared.map((name): Violation => ({
      guarantee: 'events',
      what: `several facts with one name: ${name}`,
    })),
  ];
}
