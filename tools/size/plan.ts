import { cpuOf, type Prices, pricesOf } from './fit.ts';
import { type Cpu, type Measured, ROLES } from './measured.ts';
import type { Layout, Traffic } from './ways.ts';

/** What an installation has to carry at its peak. */
export interface Need {
  /** Connected clients. */
  users: number;
  /** Messages a second. */
  rate: number;
  bodyBytes: number;
  /** Share of the messages whose receivers are away, 0 to 1. */
  away: number;
  /** Messages that wait in mailboxes, all together. */
  waiting: number;
  /** Between msg:R and ack:N, milliseconds: the longer, the more messages share an AMQP message. */
  latencyMs: number;
  partitions: number;
  /** A back end wants `message.delivered`: receipts go through ack. */
  events: boolean;
  /** Longest outage of PostgreSQL that the broker bridges, minutes. */
  outageMinutes: number;
  brokerNodes: number;
}

/** What the installation needs. Cores are those that are busy, not those to buy. */
export interface Plan {
  layout: Layout;
  cores: Cpu;
  gatewayBytes: number;
  brokerDiskBytes: number;
  databaseDiskBytes: number;
}

/** Busy share of a process's core at the peak: the rest is for the clients of another one that has gone. */
export const BUSY = 0.5;
/** `MAX_CONNECTIONS` of a gateway. */
export const CONNECTIONS = 20_000;
/** Of each service: one may go. */
const LEAST = 2;
/** Clients of a gateway that has gone are back within this time: their backoff is spread over it. Seconds. */
const COME_BACK_S = 60;

const MIB = 1024 ** 2;
/** A gateway process without clients, and twice MAX_UNSETTLED_BYTES. */
const GATEWAY_BYTES = (100 + 2 * 64) * MIB;
/** An entry in a queue beside its body; a row of a mailbox with its indexes. */
const ENTRY_BYTES = 400;
const ROW_BYTES = 450;
/** Files of RabbitMQ and PostgreSQL that are there without messages. */
const BROKER_BYTES = 1024 * MIB;
const DATABASE_BYTES = 2048 * MIB;

/** Processes for a need. More processes make groups smaller, so the numbers rise until they hold their own cost. */
export function planFor(need: Need, measured: Measured): Plan {
  const prices = pricesOf(measured);
  let layout: Layout = { gateways: LEAST, routing: LEAST, ack: LEAST, partitions: need.partitions };
  for (;;) {
    const cores = coresOf(need, layout, measured, prices);
    const processes = (used: number) => Math.max(LEAST, Math.ceil(used / BUSY));
    const next = {
      gateways: Math.max(layout.gateways, processes(cores.gateway), Math.ceil(need.users / CONNECTIONS)),
      routing: Math.max(layout.routing, processes(cores.routing)),
      ack: Math.max(layout.ack, processes(cores.ack)),
    };
    const grows = next.gateways + next.routing + next.ack > layout.gateways + layout.routing + layout.ack;
    layout = { ...next, partitions: Math.max(need.partitions, next.routing) };
    if (!grows) return { layout, cores, ...bytesOf(need, layout, measured) };
  }
}

/** Cores that are busy, by role: live messages, mailboxes, and the logins when a gateway goes. */
function coresOf(need: Need, layout: Layout, measured: Measured, prices: Prices): Cpu {
  const { rate, away, latencyMs, users, events } = need;
  const traffic: Traffic = { underWay: (rate * latencyMs) / 1_000, straight: !events };
  const live = cpuOf(prices, layout, traffic);
  const { slow, mailbox, login } = measured;
  const logins = users / layout.gateways / COME_BACK_S;
  const of = (role: (typeof ROLES)[number]) => {
    const shared = (rate * (1 - away) * live[role]) / 1e6;
    // At a low rate nothing is shared, and the machine takes what is there to be quick.
    const alone = (Math.min(rate, slow.rate) * slow.cpu[role]) / 1e6;
    return Math.max(shared, alone) + (rate * away * mailbox[role] + logins * login[role]) / 1e6;
  };
  return Object.fromEntries(ROLES.map((role) => [role, of(role)])) as Cpu;
}

function bytesOf(need: Need, { gateways }: Layout, { idleBytes }: Measured) {
  const { rate, outageMinutes, bodyBytes, users, waiting } = need;
  return {
    gatewayBytes: GATEWAY_BYTES + (users / Math.max(1, gateways - 1)) * idleBytes,
    /** Of each node: a quorum queue is on all of them. */
    brokerDiskBytes: BROKER_BYTES + rate * outageMinutes * 60 * (ENTRY_BYTES + bodyBytes),
    databaseDiskBytes: DATABASE_BYTES + waiting * (ROW_BYTES + bodyBytes),
  };
}
