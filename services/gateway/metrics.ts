import { Counter, Gauge, Histogram } from 'prom-client';
import { CLIENT_PACKETS, type ClientType } from '#libs/protocol/client-packets.ts';
import { CODES } from '#libs/protocol/codes.ts';
import { SERVER_PACKETS, type ServerType } from '#libs/protocol/server-packets.ts';

/** The gateway's metrics. */

/** A count of the hot path: prom-client looks its labels up each time, which costs more than the rest of a packet's way in. */
class PacketCounter {
  count = 0;

  inc(): void {
    this.count++;
  }
}

const packetCounters = <T extends string>(types: string[]) =>
  Object.fromEntries(types.map((type) => [type, new PacketCounter()])) as Record<T, PacketCounter>;

export const packetsIn = packetCounters<ClientType | 'unreadable'>([
  ...Object.keys(CLIENT_PACKETS),
  'unreadable',
]);
export const packetsOut = packetCounters<ServerType>(Object.keys(SERVER_PACKETS));

new Counter({
  name: 'sixfold_packets_total',
  help: 'Packets, by type and direction (in: from clients)',
  labelNames: ['type', 'direction'],
  collect() {
    this.reset();
    for (const [direction, packets] of Object.entries({ in: packetsIn, out: packetsOut }))
      for (const [type, { count }] of Object.entries(packets)) this.inc({ type, direction }, count);
  },
});

export const errorsTotal = new Counter({
  name: 'sixfold_errors_total',
  help: 'Errors, byes and closes that clients were given, by code',
  labelNames: ['code'],
});
for (const code of Object.keys(CODES)) errorsTotal.inc({ code }, 0);

/** Why a connection or login was refused, or a socket destroyed. */
const REFUSALS = [
  'connections',
  'unauthenticated_connections',
  'connections_per_address',
  'logins_per_address',
  'sessions_per_user',
  'devices_per_user',
  'http_connections',
  'idle',
  'header_bytes',
  'request_timeout',
  'bad_request',
  'http_version',
  'bad_upgrade',
  'path',
  'method',
  'version',
  'subprotocol',
  'origin',
  'draining',
  'not_ready',
  'tls_timeout',
  'tls',
] as const;

export type Refusal = (typeof REFUSALS)[number];

const refusedTotal = new Counter({
  name: 'sixfold_refused_total',
  help: 'Connections and logins that were refused or cut off, by reason',
  labelNames: ['reason'],
});
for (const reason of REFUSALS) refusedTotal.inc({ reason }, 0);

export const countRefusal = (reason: Refusal): void => refusedTotal.inc({ reason });

export const tlsExpires = new Gauge({
  name: 'sixfold_tls_expires_seconds',
  help: 'When the TLS certificate expires, seconds since the epoch; 0 without TLS',
});

const seconds = [0.001, 0.002, 0.004, 0.008, 0.015, 0.03, 0.06, 0.125, 0.25, 0.5, 1, 2, 5, 10];

export const acceptSeconds = new Histogram({
  name: 'sixfold_accept_seconds',
  help: 'From msg:R to msg:A',
  buckets: seconds,
});

export const confirmSeconds = new Histogram({
  name: 'sixfold_confirm_seconds',
  help: 'From msg:A to ack:R, by the time in the message',
  buckets: seconds,
});

export const pausesTotal = new Counter({
  name: 'sixfold_unsettled_pauses_total',
  help: 'Times that nothing was read from RabbitMQ because unsettled deliveries had too many bytes',
});

export const overflowsTotal = new Counter({
  name: 'sixfold_unsettled_overflows_total',
  help: 'Times that a pause did not help, and all unsettled deliveries went to the heirs',
});

export const presenceRepairs = new Counter({
  name: 'sixfold_presence_repairs_total',
  help: 'Sessions that were logged in and that presence did not have; they were announced again',
});

export const keyFetches = new Counter({
  name: 'sixfold_key_fetches_total',
  help: 'Fetches of the keys that tokens are checked with, by outcome',
  labelNames: ['outcome'],
});

export const keysFetchedAt = new Gauge({
  name: 'sixfold_keys_fetched_seconds',
  help: 'When the keys that tokens are checked with were last fetched, seconds since the epoch',
});

export const readItems = new Counter({
  name: 'sixfold_read_items_total',
  help: 'Messages that read:R named, by outcome: accepted (the proof is right) or ignored',
  labelNames: ['outcome'],
});
for (const outcome of ['accepted', 'ignored']) readItems.inc({ outcome }, 0);

export const questionsTotal = new Counter({
  name: 'sixfold_questions_total',
  help: 'Questions to routing on behalf of HTTP requests, by outcome: answered, unanswered (in time) or refused (not asked)',
  labelNames: ['outcome'],
});
for (const outcome of ['answered', 'unanswered', 'refused']) questionsTotal.inc({ outcome }, 0);

export const authorizeRequests = new Counter({
  name: 'sixfold_authorize_requests_total',
  help: 'Requests to the authorization endpoint, by outcome',
  labelNames: ['outcome'],
});

export const authorizeSeconds = new Histogram({
  name: 'sixfold_authorize_seconds',
  help: 'How long the authorization endpoint took to answer',
  buckets: seconds,
});
