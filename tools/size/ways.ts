import { GATEWAYS_AT_A_TIME } from '../../services/gateway/direct-receipts.ts';
import type { Role } from './measured.ts';

/** Processes of ours, and the route queues between them. */
export interface Layout {
  gateways: number;
  routing: number;
  ack: number;
  partitions: number;
}

/** Traffic. */
export interface Traffic {
  /** Messages between msg:R and ack:N. */
  underWay: number;
  /** Receipts go past ack where they can: nobody wants the event `message.delivered`. */
  straight: boolean;
}

/** One of the queues' ways that a message and its confirmation take. */
interface Way {
  /** Share of the messages that take it. */
  share: number;
  /** Pairs of a publisher and a queue: entries of a pair share AMQP messages. */
  pairs: number;
  /** Those that pay for it. */
  roles: readonly Role[];
}

/** The ways of a live message: route, live, and the receipt straight back or through ack. */
function waysOf({ gateways, routing, ack, partitions }: Layout, { straight }: Traffic): Way[] {
  const active = Math.min(routing, partitions);
  // A gateway sends receipts to this many others directly, and to itself; further ones go through ack.
  const past = straight ? Math.min(1, (GATEWAYS_AT_A_TIME + 1) / gateways) : 0;
  return [
    { share: 1, pairs: gateways * partitions, roles: ['gateway', 'rabbitmq', 'routing'] },
    { share: 1, pairs: active * gateways, roles: ['routing', 'rabbitmq', 'gateway'] },
    { share: past, pairs: gateways * gateways, roles: ['gateway', 'rabbitmq'] },
    { share: 1 - past, pairs: gateways, roles: ['gateway', 'rabbitmq', 'ack', 'postgres'] },
    { share: 1 - past, pairs: ack * gateways, roles: ['ack', 'rabbitmq', 'gateway'] },
  ].filter(({ share }) => share > 0) as Way[];
}

/** What a message is for a role. */
export interface Work {
  /** Entries that it publishes, moves or consumes. */
  entries: number;
  /** AMQP messages that carry them. */
  groups: number;
}

/**
 * A group leaves when the one before it is confirmed, so it holds what came meanwhile: the messages under way spread over
 * their ways, and over the pairs of each. A pair that has less than one message shares nothing.
 */
export function workOf(role: Role, layout: Layout, traffic: Traffic): Work {
  const ways = waysOf(layout, traffic);
  const hops = ways.reduce((sum, { share }) => sum + share, 0);
  const own = ways.filter(({ roles }) => roles.includes(role));
  const groupsOf = ({ share, pairs }: Way) =>
    share * Math.min(1, pairs / Math.max(1e-9, (traffic.underWay * share) / hops));
  return {
    entries: own.reduce((sum, { share }) => sum + share, 0),
    groups: own.reduce((sum, way) => sum + groupsOf(way), 0),
  };
}
