import { SHORT_TTL } from '../clients/drafts.ts';
import type { Leftovers } from '../leftovers.ts';
import type { Facts } from './facts.ts';
import { DELIVERED, FINAL, statesOf } from './fate.ts';
import { listed, type Rule, type Violation, violationsOf } from './guarantees.ts';
import type { Message } from './message.ts';
import type { SyncedDevice } from './synced-devices.ts';

/** PROTOCOL: sync, 5: every synced device of the sender hears what became of a message, and tells its application. */
export function checkDeviceReceipts(message: Message, facts: Facts, leftovers: Leftovers): Violation[] {
  const devices = facts.devices.of(message.from, message.requested[0]?.t);
  return violationsOf(
    message,
    devices.flatMap((device) => rulesFor(device, message, leftovers)),
  );
}

function rulesFor({ who }: SyncedDevice, message: Message, leftovers: Leftovers): Rule[] {
  const { from, to, id, sending, ttl } = message;
  const waiting = leftovers.devices.receipts.get(`${from} ${to} ${id}`)?.get(who);
  const got = message.states.filter((state) => state.who === who).map(({ state }) => state);
  const told = message.told.filter((one) => one.who === who).map(({ state }) => state);
  const accepted = acceptedFor(statesOf(message, leftovers));
  const knows = (states: readonly string[]) =>
    accepted.length === 0 || states.some((state) => accepted.includes(state));
  // The one that sent may miss an ack:N, and does not ask for what is of no use by now.
  const asks = who !== sending.by || (ttl ?? Infinity) > SHORT_TTL.max;
  const all = [...got, ...(waiting ? [waiting.state] : [])];
  return [
    [
      'G3',
      asks && !knows(all),
      `a receipt is missing on the synced device ${who}: it was told ${listed(all)}, another ${accepted[0] ?? ''}`,
    ],
    [
      'G3',
      asks && knows(got) && !knows(told),
      `the application on ${who} was told ${listed(told)}, and the wire said ${accepted[0] ?? ''}`,
    ],
  ];
}

/** What each device must have heard, given all that was said to any of them; one of these. */
function acceptedFor(states: readonly string[]): readonly string[] {
  // Two copies of a message may end differently (RELIABILITY: what is not promised).
  if (states.includes('rejected')) return FINAL;
  if (states.includes('read')) return ['read'];
  if (states.includes('delivered')) return DELIVERED;
  return states.includes('stored') ? ['stored', ...FINAL] : [];
}
