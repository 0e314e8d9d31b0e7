import { cpuOf, pricesOf } from './fit.ts';
import type { Measured, Role } from './measured.ts';
import { CONNECTIONS, type Need, type Plan } from './plan.ts';
import { workOf } from './ways.ts';

/** Where a part of an installation ends that more processes do not widen. */
export interface End {
  part: string;
  unit: 'messages/s' | 'clients';
  /** Of all together. */
  most: number;
  /** Share of that which the need takes. */
  used: number;
  then: string;
}

/** Cores of the largest machine that one would give the only primary. */
const PRIMARY_CORES = 32;
/** Busy share at which a part counts as full. */
const FULL = 0.7;
/** Channels that RabbitMQ allows on a connection (`channel_max`): routing has one for each gateway. */
const CHANNELS = 2_000;
const MOST_RATE = 1e9;

/** Load is taken to be spread evenly over users: one who gets more than others fills a partition sooner. */
export function endsOf(need: Need, { layout }: Plan, measured: Measured): End[] {
  const { partitions, gateways } = layout;
  const { mailbox } = measured;
  const prices = pricesOf(measured);
  const spread = { ...layout, routing: partitions };
  const live = (role: Role, rate: number) => {
    const traffic = { underWay: (rate * need.latencyMs) / 1_000, straight: !need.events };
    return { cpu: cpuOf(prices, spread, traffic)[role], work: workOf(role, spread, traffic) };
  };
  const cores = (rate: number, liveCpu: number, role: Role) =>
    (rate * (liveCpu * (1 - need.away) + mailbox[role] * need.away)) / 1e6;
  const partition = (rate: number) => cores(rate, live('routing', rate).cpu, 'routing') / partitions;
  // Live messages and receipts of its clients: two of all the ways of a message.
  const leader = (rate: number) => {
    const { cpu, work } = live('rabbitmq', rate);
    return (rate * cpu * 2) / work.entries / gateways / 1e6;
  };
  const primary = (rate: number) => cores(rate, live('postgres', rate).cpu, 'postgres') / PRIMARY_CORES;
  const ofRate = (part: string, busy: (rate: number) => number, then: string): End => {
    const most = rateAt(busy);
    return { part, unit: 'messages/s', most, used: need.rate / most, then };
  };
  return [
    ofRate(
      `${partitions} route partitions, each on one core of routing`,
      partition,
      'more ROUTE_PARTITIONS, and routing instances; one receiver stays in one partition',
    ),
    ofRate(
      `the queues of ${gateways} gateways, each with its leader on one core of RabbitMQ`,
      leader,
      'more gateways, and broker nodes over which the leaders spread',
    ),
    ofRate(
      `one PostgreSQL primary of ${PRIMARY_CORES} cores`,
      primary,
      'several installations, each with users of its own: mailboxes do not spread over databases',
    ),
    {
      ...{ part: `${CHANNELS.toLocaleString('en')} gateways, by the channels of a broker connection` },
      ...{ unit: 'clients', most: CHANNELS * CONNECTIONS, used: need.users / (CHANNELS * CONNECTIONS) },
      then: 'a higher channel_max, or several installations',
    },
  ];
}

/** The rate at which a part is full: the busier it is, the more its messages share, so this is no division. */
function rateAt(busy: (rate: number) => number): number {
  let [low, high] = [0, MOST_RATE];
  if (busy(high) < FULL) return Infinity;
  while (high - low > 1) {
    const middle = (low + high) / 2;
    if (busy(middle) < FULL) low = middle;
    else high = middle;
  }
  return Math.floor(low);
}
