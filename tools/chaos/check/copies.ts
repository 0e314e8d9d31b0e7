import type { FaultEvent } from '../history.ts';
import type { Leftovers } from '../leftovers.ts';
import type { Facts } from './facts.ts';
import { statesOf } from './fate.ts';
import type { Violation } from './guarantees.ts';
import { type Arrival, type Handed, isOverHttp, type Message, type Sending } from './message.ts';
import { isCalm } from './order.ts';
import { SKEW_MS, type SyncedDevice } from './synced-devices.ts';

/**
 * Where a copy is at the end. `rejected`: no device got the message, so there is none to miss. `dropped`: the device did
 * not get it, and must be told that it missed one. `lost`: there was no reason to drop it.
 */
type CopyFate = 'handed' | 'waiting' | 'rejected' | 'dropped' | 'lost';

/** A copy of an accepted message, for one synced device. */
export interface Copy {
  readonly device: SyncedDevice;
  /** One of those that were sent. */
  readonly message: Message;
  /** Another device of the user sent it. */
  readonly own: boolean;
  readonly fate: CopyFate;
  /** It was sent before the device knew that it is a synced one: it need not get a copy. */
  readonly early: boolean;
  /** The device got it so late that it may count as missed before its confirmation comes. */
  readonly late: boolean;
  /** When it may have been in the mailbox, milliseconds since the epoch. */
  readonly from: number;
  readonly until: number;
  /** Its time was over before the end. */
  readonly expired: boolean;
  /** How many further copies there may have been: the message was sent again, or the server repeated a step. */
  readonly more: number;
}

/** Until the sweep has taken what expired: its pause, and what it leaves to confirmations on their way, milliseconds. */
const SWEPT_MS = 60_000;
/** From a message at the application to its confirmation at the database, on a busy machine, milliseconds. */
const CONFIRMED_MS = 1_000;
/** An instance that is gone has its work repeated, once by its heir and once by its client. */
const REPEATED = 2;
/** Times after msg:A at which a copy may be stored, milliseconds. */
const STORED_MS = [0, 500, 1_000, 2_000, 4_000, 8_000, 16_000];
/** Share of what a mailbox holds that clients know of: there may be messages without their msg:A, too. */
const KNOWN = 0.8;

/** A copy of each accepted message, and of each one that another device sent, for each synced device. */
export function copiesOf(facts: Facts, leftovers: Leftovers, faults: readonly FaultEvent[]): Copy[] {
  const received = facts.messages.flatMap((message) =>
    devicesOf(facts, message, message.to).map((device) =>
      copyOf({ ...message, message, device, own: false }, leftovers, faults),
    ),
  );
  const sent = facts.sendings.flatMap((sending) => {
    const message = sending.list.find(({ accepted }) => accepted.length > 0);
    const devices = message ? devicesOf(facts, message, sending.from) : [];
    // It came from a device that is no synced one.
    if (!message || !(isOverHttp(sending) || devices.some(({ who }) => who === sending.by))) return [];
    return devices
      .filter(({ who }) => who !== sending.by)
      .map((device) => {
        const { ownHanded: handed, ownArrived: arrived } = sending;
        return copyOf({ message, device, own: true, handed, arrived }, leftovers, faults);
      });
  });
  const copies = [...received, ...sent];
  return copies.map((copy) => (isLost(copy, copies, leftovers) ? { ...copy, fate: 'lost' } : copy));
}

const devicesOf = ({ devices }: Facts, { accepted }: Message, user: string): SyncedDevice[] =>
  accepted.length > 0 ? devices.of(user) : [];

type Part = Pick<Copy, 'message' | 'device' | 'own'> & {
  handed: readonly Handed[];
  arrived: readonly Arrival[];
};

function copyOf(part: Part, leftovers: Leftovers, faults: readonly FaultEvent[]): Copy {
  const { message, device, own, handed, arrived } = part;
  const { from: sender, to, id, ttl, requested } = message;
  const got = handed.find(({ who }) => who === device.who);
  const holders = leftovers.devices.copies.get(`${own ? sender : to} ${sender} ${id}`);
  const waits = holders?.has(device.who) === true;
  const rejected = !own && statesOf(message, leftovers).includes('rejected');
  const from = requested[0]?.t ?? message.sentAt;
  const end = from + (ttl ?? 0) * 1_000;
  // A clock that was wrong may have ended it at any time.
  const clocks = faults.filter(({ fault }) => fault === 'clock-services');
  const expired =
    ttl !== undefined && (end <= leftovers.lookedAt || !isCalm(clocks, from, leftovers.lookedAt));
  const over = expired ? end + SWEPT_MS : from;
  const calm = isCalm(faults, from, over + SWEPT_MS);
  // What was returned, or whose confirmation failed, comes from the mailbox again.
  const last = Math.max(...arrived.filter(({ who }) => who === device.who).map(({ t }) => t));
  return {
    ...{ message, device, own },
    early: from <= device.since + SKEW_MS,
    fate: got ? 'handed' : waits ? 'waiting' : rejected ? 'rejected' : 'dropped',
    late: got !== undefined && ttl !== undefined && got.t + CONFIRMED_MS > from + ttl * 1_000,
    from,
    until: waits ? Infinity : got ? Math.max(got.t, last) : over,
    expired,
    more: requested.length - 1 + (calm ? 0 : REPEATED),
  };
}

/** Whether its device must be told that it missed it. */
export const isDropped = ({ fate, early }: Copy): boolean => fate === 'dropped' && !early;

/** Whether the device should have got it: it did not expire, and the mailbox cannot have been full when it came. */
function isLost(copy: Copy, copies: readonly Copy[], { quota }: Leftovers): boolean {
  if (!isDropped(copy) || copy.expired) return false;
  const accepted = copy.message.accepted[0]?.t ?? copy.from;
  const others = copies.filter((other) => other !== copy && other.device === copy.device);
  const held = (t: number) => others.filter(({ from, until }) => from <= t && t <= until).length;
  return STORED_MS.every((ms) => held(accepted + ms) < quota * KNOWN);
}

/** G1, G2 and G5 for the copies of synced devices. */
export function checkCopies(
  copies: readonly Copy[],
  { sendings, devices }: Facts,
  leftovers: Leftovers,
): Violation[] {
  const lost = copies.filter(({ fate }) => fate === 'lost');
  const stuck = copies.filter(
    ({ fate, message, own, device }) => fate === 'waiting' && !isOver(message, own, device, leftovers),
  );
  return [
    ...lost.map(({ message, own, device }): Violation => {
      const what = own
        ? `${device.who} never got what another device of its user sent`
        : `a synced device never got its copy: ${device.who}`;
      return { guarantee: 'G1', what, message };
    }),
    ...stuck.map(({ message, device }): Violation => {
      return { guarantee: 'G1', what: `left lying in the mailbox of ${device.who}`, message };
    }),
    ...sendings.flatMap((sending) => checkSent(sending, (who) => devices.has(who))),
    ...devices.strays().map((what): Violation => ({ guarantee: 'G5', what })),
    ...devices.faults.map((what): Violation => ({ guarantee: 'G3', what })),
  ];
}

function isOver({ from, to, id }: Message, own: boolean, { who }: SyncedDevice, leftovers: Leftovers) {
  const until = leftovers.devices.copies.get(`${own ? from : to} ${from} ${id}`)?.get(who) ?? Infinity;
  return until <= leftovers.lookedAt;
}

/** What the other devices of its user got of one sending. */
function checkSent({ list, by, from, ownArrived, ownHanded }: Sending, isSynced: (who: string) => boolean) {
  const [message] = list;
  if (!message) return [];
  const came = new Set(ownArrived.map(({ who }) => who));
  const others = [...came].filter((who) => who !== by && (!who.startsWith(`${from}/`) || !isSynced(who)));
  const fresh = Map.groupBy(
    ownHanded.filter(({ again }) => !again),
    ({ who }) => who,
  );
  const twice = [...fresh].flatMap(([who, all]) => (all.length > 1 ? [who] : []));
  const rules: [Violation['guarantee'], broken: boolean, what: string][] = [
    ['G5', came.has(by), `a copy of what ${by} sent came back to it`],
    ['G5', others.length > 0, `a copy of what ${by} sent came to ${others.join(', ')}`],
    ['G5', ownHanded.some(({ intact }) => !intact), 'a copy of what another device sent was changed'],
    ['G2', twice.length > 0, `what another device sent was handed to ${twice.join(', ')} twice`],
  ];
  return rules
    .filter(([, broken]) => broken)
    .map(([guarantee, , what]): Violation => ({ guarantee, what, message }));
}
