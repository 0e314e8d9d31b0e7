import { describe, expect, inject, test } from 'vitest';
import { FAULT_NAMES, type FaultName } from '../tools/chaos/faults/faults.ts';
import type { ChaosOptions } from '../tools/chaos/options.ts';
import { type ChaosResult, runChaos } from '../tools/chaos/run.ts';
import { REPOSITORY } from '../tools/stack/environment.ts';
import { createVirtualHost } from './harness/broker-admin.ts';
import { createDatabase } from './harness/database-admin.ts';
import { plant, type PlantedBug } from './harness/planted-bug.ts';

const RUN: ChaosOptions<FaultName> = {
  seconds: 40,
  seed: 6,
  pairs: 10,
  clientProcesses: 2,
  rate: 30,
  failing: 0.002,
  quota: 500,
  gateways: 2,
  routing: 2,
  ack: 2,
  webhook: 1,
  cluster: false,
  pooler: false,
  faults: FAULT_NAMES,
  atOnce: 2,
  only: '',
  patienceMs: 150_000,
  root: REPOSITORY,
};

/** As little as shows a bug. */
const SMALL = {
  failing: 0.03,
  clientProcesses: 2,
  gateways: 1,
  ack: 1,
  webhook: 0,
  rate: 30,
  seconds: 12,
  patienceMs: 6_000,
};

/** Whether a bug does harm in so little time is a matter of luck: some need another run. */
const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8];

/** So that many leave for good right after their msg:A: everybody else sends again what got lost. */
const MANY = { pairs: 40, rate: 60 };

/** A gateway goes on without its lease: its users are away, and hear of nothing. */
const UNNOTICED =
  /G1 at the end: \d+ (messages whose sender waits|messages in mailboxes of users who are conn)/;

/** Bugs that show in different violations share a run. */
const PLANTED: {
  what: string;
  faults: FaultName[];
  only?: string;
  load?: Partial<ChaosOptions<FaultName>>;
  /** Needs a broker and a database of its own, which it can hurt. */
  ownServers?: boolean;
  bugs: (PlantedBug & { shows: RegExp | RegExp[] })[];
}[] = [
  {
    what: 'msg:A before the confirm of the broker',
    faults: ['lose-broker', 'kill-gateway'],
    only: 'gateway',
    load: MANY,
    bugs: [
      {
        file: 'services/gateway/handlers/msg.ts',
        find: 'this.#at = this.#sender.nextAt();',
        replace: 'this.#at = this.#sender.nextAt(); this.#answer.accepted(this.#id, this.#at);',
        shows: [/G1 accepted, and neither/, /G1 accepted, and neither .* sent over HTTP/],
      },
      {
        // Without it, too few are under way when a gateway dies.
        file: 'services/gateway/handlers/msg.ts',
        find: 'publishers.route(to, { ...entry, to }, this);',
        replace: 'setTimeout(() => publishers.route(to, { ...entry, to }, this), 2_000);',
        shows: /G1 accepted, and neither/,
      },
    ],
  },
  {
    what: 'a delivery that is not held until the user has confirmed',
    faults: ['freeze-clients', 'kill-gateway'],
    load: MANY,
    bugs: [
      {
        file: 'services/gateway/gateway-consumer.ts',
        find: 'session.window.offer(entry, delivery);',
        replace: 'session.window.offer(entry, { settled() {} } as never), delivery.settled();',
        shows: /G1 accepted, and neither/,
      },
      {
        file: 'services/gateway/gateway.ts',
        find: 'this.publishers.returned.add(JSON.stringify({ ...entry, returned: reason }), pending);',
        replace: 'pending.settled();',
        shows: /G1 accepted, and neither/,
      },
    ],
  },
  {
    what: 'a mailbox emptied up to a position, and a client that forgets what it has seen',
    faults: ['freeze-clients', 'stall-clients', 'kill-gateway'],
    bugs: [
      {
        file: 'libs/store/confirm.ts',
        find: 'm.key = i.key',
        replace: 'm.key <= i.key',
        shows: /no application has it|no device had confirmed it/,
      },
      {
        file: 'libs/client/incoming/inbox.ts',
        find: "else if (seen) this.#release(entry, 'done');",
        replace: '',
        shows: [/G2 handed to .* twice/, /G2 what another device sent was handed to .* twice/],
      },
    ],
  },
  {
    what: 'a forged delivered, no second look after an insert, and several partitions for one user',
    faults: [],
    bugs: [
      {
        file: 'services/routing/store-offline.ts',
        find: "({ state: 'stored' } as const)",
        replace: "({ state: 'delivered' } as const)",
        shows: /G3 delivered, says the server, and no device had confirmed it/,
      },
      {
        file: 'services/routing/store-offline.ts',
        find: 'gatewaySender.hint(location ? mailboxSessions(location) : [], delivery);',
        replace: '',
        shows: /G1 .* in mailboxes of users who are connected|G1 left lying in the mailbox/,
      },
      {
        file: 'libs/broker/topology.ts',
        find: 'return ((hash ^ (hash >>> 13)) >>> 0) % partitions;',
        replace: 'return user.startsWith("gateway") ? 0 : Math.floor(Math.random() * partitions);',
        shows: /G4/,
      },
      {
        file: 'libs/client/incoming/missed.ts',
        find: 'resolve(handler({ count: missed.count }))',
        replace: 'resolve(handler)',
        shows: /G6 the application of .* was told that it missed/,
      },
      {
        file: 'libs/store/device-confirm.ts',
        find: 'idle_at = CASE WHEN h.last OR h.changed THEN now() ELSE m.idle_at END,',
        replace: 'idle_at = m.idle_at,',
        shows: /G6 \d+ messages or copies of synced devices that nothing will delete/,
      },
    ],
  },
  {
    what: 'copies and receipts that some synced devices do not get, and some get that are not theirs',
    faults: [],
    load: { quota: 8 },
    bugs: [
      {
        file: 'libs/store/device-copies.ts',
        find: 'FROM ranked WHERE stored ORDER BY n, device',
        replace: 'FROM ranked WHERE stored AND random() < 0.7 ORDER BY n, device',
        shows: /G1 a synced device never got its copy/,
      },
      {
        file: 'libs/store/device-copies.ts',
        find: 'WHERE NOT r.stored AND (held.held',
        replace: 'WHERE false AND (held.held',
        shows: /G6 missed, and not told: .* [1-9]\d* did not\)/,
      },
      {
        file: 'libs/store/device-page.ts',
        find: 'WHERE c.recipient = p.recipient AND c.device = p.device AND',
        replace: 'WHERE c.recipient = p.recipient AND',
        shows: /G5 an entry of one device's mailbox came to/,
      },
      {
        file: 'services/routing/synced-location.ts',
        find: ": sessions.filter(({ copy = '' }) => copy !== '' && copy !== entry.device);",
        replace: ": sessions.filter(({ copy = '' }) => copy !== '');",
        shows: /G5 a copy of what .* sent came back to it/,
      },
      {
        file: 'services/gateway/handlers/msg.ts',
        find: 'if (isCopied) publishers.route(from,',
        replace:
          'if (isCopied && Math.random() < 0.2) this.settled(); else if (isCopied) publishers.route(from,',
        shows: /G1 .* never got what another device of its user sent/,
      },
      {
        file: 'services/gateway/http/batch-lines.ts',
        find: 'msgR(gateway, sender, packet, {',
        replace:
          'if (Math.random() < 0.2) onAnswer({ id: packet.id, at: Date.now() }); else msgR(gateway, sender, packet, {',
        shows: /G1 accepted, and neither .* nor in the mailbox, sent over HTTP/,
      },
      {
        file: 'libs/relay/receipts.ts',
        find: 'return location?.devices?.some((device) => device !== except)',
        replace: 'return Math.random() < 0.8 && location?.devices?.some((device) => device !== except)',
        shows: /G3 a receipt is missing on the synced device/,
      },
    ],
  },
  {
    what: 'a receiver of a list left out, an expired message handed out, and one that expires without a ttl',
    faults: [],
    load: { rate: 60, seconds: 15 },
    bugs: [
      {
        file: 'services/gateway/handlers/msg.ts',
        find: 'for (const user of to) publishers.route(user, { ...entry, to: user }, this);',
        replace:
          'const [first = "", ...rest] = to; if (first.startsWith("b")) this.settled(); else rest.push(first); ' +
          'for (const user of rest) publishers.route(user, { ...entry, to: user }, this);',
        shows: /G1 accepted, and neither .* as one of a list/,
      },
      {
        file: 'libs/store/mailbox-page.ts',
        find: 'AND (expires IS NULL OR expires > p.now)',
        replace: '',
        shows: /G3 handed out after its time was over/,
      },
      {
        file: 'services/gateway/mailbox-page.ts', // looks again
        find: 'expires > now',
        replace: 'expires > 0',
        shows: /G3 handed out after its time was over/,
      },
      {
        file: 'services/routing/store-offline.ts',
        find: '!maybeConfirmed && (expired || isExpired(entry, now));',
        replace: '!maybeConfirmed && (expired || (entry.expires === undefined && now % 2 === 0));',
        shows: /G3 rejected as expired, and it had no ttl/,
      },
      {
        file: 'libs/store/device-copies.ts',
        find: 'SELECT recipient, device, count(*) FROM lost',
        replace: 'SELECT recipient, device, 10 * count(*) FROM lost',
        shows: /G6 told of more than it missed/,
      },
    ],
  },
  {
    what: 'a `read` without proof, without a reader, and lost; a ttl too short; a state that steps back; wrong events',
    faults: [],
    load: { webhook: 1, patienceMs: 12_000 },
    bugs: [
      {
        file: 'services/gateway/handlers/read.ts',
        find: '.filter(({ from, id, read }) => proofs.verify(from, id, user, read))',
        replace: '.filter(() => proofs !== undefined)',
        shows: /G3 read, says the server, by a proof that it never gave out/,
      },
      {
        file: 'services/ack/confirmations.ts',
        find: "receipt: { user: from, id, to, state: 'delivered' as const, at, sentAt },",
        replace: "receipt: { user: from, id, to, state: Math.random() < 0.2 ? 'read' : 'delivered', at },",
        shows: /G3 read, says the server, and no device of the receiver had said so/,
      },
      {
        file: 'services/ack/confirmations.ts',
        find: 'await storeAndHintReceipts(relay, receipts);',
        replace: 'await storeAndHintReceipts(relay, receipts.filter(() => Math.random() < 0.5));',
        shows: /G3 marked as read, accepted with read:A, and its sender does not know/,
      },
      {
        file: 'services/gateway/handlers/msg.ts',
        find: 'this.#at + ttl * 1_000',
        replace: 'this.#at + ttl',
        shows: /G3 rejected as expired before its time was over/,
      },
      {
        file: 'libs/client/outgoing/outgoing-state.ts',
        find: "return RANK[target] > RANK[state] && state !== 'rejected' ? target : state;",
        replace: 'return target;',
        shows: /G3 a state stepped back:/,
      },
      {
        // A step back that the client has to ignore.
        file: 'services/ack/confirmations.ts',
        find: 'await relayReceipts(relay, receipts);',
        replace:
          'await relayReceipts(relay, receipts); await new Promise((go) => setTimeout(go, 200)); await relayReceipts(relay, ' +
          "receipts.map((one) => ({ ...one, receipt: { ...one.receipt, state: 'stored' } })));",
        shows: /G3 a state stepped back:/,
      },
      {
        file: 'libs/client/incoming/receipts.ts',
        find: 'const isNews = nextState(told, state) !== told && (',
        replace: "const isNews = nextState(told, state) !== 'failed' && (",
        shows: /G3 a state stepped back on another device/,
      },
      {
        file: 'services/ack/confirmations.ts',
        find: "relay.events?.message('message.delivered', entry, delivery);",
        replace:
          "if (Math.random() < 0.9) relay.events?.message('message.delivered', entry, delivery); else {" +
          "relay.events?.message('message.accepted', { ...entry, id: entry.id + 'x' }, delivery);" +
          "relay.events?.message('message.rejected', { ...entry, reason: 'mailbox_full' }, delivery); }",
        shows: [
          /events message\.delivered never came/,
          /events an event of a message that nobody sent/,
          /events message\.rejected, and delivered all the same/,
        ],
      },
      {
        file: 'libs/events/event-publisher.ts',
        find: 'eventId(type, ...fact)',
        replace: 'eventId(type, ...fact, String(Math.random()))',
        shows: /events one fact with several names/,
      },
      {
        file: 'libs/store/presence.ts',
        find: ")${record(sessionEvents('session.down', 'gone s'))}",
        replace: ")${record(sessionEvents('session.down', 'gone s WHERE false'))}",
        shows: /events session\.down never came/,
      },
    ],
  },
  {
    what: 'a gateway that does not notice that its lease is lost, and one whose `at` follows its clock',
    faults: ['operator-deletes-row', 'clock-services'],
    only: 'gateway',
    load: { patienceMs: 40_000 },
    bugs: [
      {
        file: 'libs/store/gateways.ts',
        find: 'if (!row) await removeGateways(db, [gateway]);',
        replace: '',
        shows: UNNOTICED,
      },
      {
        // Heirs would notice as well.
        file: 'services/routing/heirs.ts',
        find: 'if (lost.length === 0) return listed;',
        replace: 'return listed;',
        shows: UNNOTICED,
      },
      {
        file: 'services/gateway/session.ts',
        find: 'this.#lastAt = Math.max(now, this.#lastAt + 1);',
        replace: 'this.#lastAt = now;',
        shows: /G4 its `at` is not behind/,
      },
    ],
  },
  {
    what: 'a client that takes nonsense for a token',
    faults: ['token-endpoint-nonsense', 'kill-gateway'],
    load: { seconds: 15 },
    bugs: [
      {
        file: 'libs/client/connection/token.ts',
        find: "typeof text === 'string' && (text !== '' || text === token)",
        replace: 'Boolean(text ?? true)',
        shows: /G1 at the end: \d+ clients not connected/,
      },
    ],
  },
  {
    what: 'a storage that is not repaired after a full disk',
    // While routing stands still, outboxes fill: what is lost with a client process is seen.
    faults: ['disk-clients', 'kill-clients', 'freeze-routing'],
    load: { ...MANY, routing: 1, seconds: 30 },
    bugs: [
      {
        file: 'libs/client/storage/level-store.ts',
        find: 'if (!this.#failed) return;',
        replace: 'return;',
        shows: /G1 sent, and not in the outbox after a restart/,
      },
    ],
  },
  {
    what: 'an instance without its database that keeps its work, and copies that expire in silence',
    faults: ['cut-database'],
    load: { routing: 2, ack: 2, atOnce: 1, seconds: 30, patienceMs: 40_000 },
    bugs: [
      {
        file: 'libs/store/health-check.ts',
        find: 'return (await within(ANSWER_WITHIN_MS, asked)) ?? false;',
        replace: 'await asked; return true;',
        shows: /though another instance could/,
      },
      {
        file: 'libs/store/device-retention.ts',
        find: 'WHERE g.delivered',
        replace: 'WHERE g.delivered AND false',
        shows: /G6 missed, and not told/,
      },
    ],
  },
  {
    what: 'what fails with its connection to a pooler taken for a fault of the entry',
    faults: ['kill-pooler'],
    load: { pooler: true, routing: 2, seconds: 15 },
    ownServers: true,
    bugs: [
      {
        file: 'services/routing/main.ts',
        find: 'const dealing = { isTransient,',
        replace: 'const dealing = { isTransient: () => false,',
        shows: /G6 \d+ messages were buried/,
      },
    ],
  },
  {
    what: 'a local stack that leaves what a database wrote that was killed while it started',
    faults: ['kill-starting-database'],
    load: { patienceMs: 40_000 },
    ownServers: true,
    bugs: [
      {
        file: 'tools/stack/postgres-pid-file.ts',
        find: 'if (!isReadable || isRunning(pid))',
        replace: 'if (isRunning(pid))',
        shows: /postgres: ended with/,
      },
    ],
  },
];

const silent = { say: () => undefined };

/** Violations in words, without the names of users and messages. */
const kinds = ({ violations }: ChaosResult) => [
  ...new Set(violations.map(({ guarantee, what }) => `${guarantee} ${what}`)),
];

// They wait most of the time, so that they can run side by side.
describe.concurrent('the nemesis', { timeout: 600_000 }, () => {
  test('breaks no guarantee, whatever it does', async () => {
    const { dataDir } = inject('infrastructure');
    const result = await runChaos(RUN, silent, dataDir);
    if (result.violations.length > 0) console.error(result.report);
    expect(kinds(result)).toEqual([]);
    expect(result.counts.accepted).toBeGreaterThan(300);
    expect(result.counts.duplicatesOnTheWire).toBeGreaterThan(0);
    expect(result.counts.inMailbox).toBeGreaterThan(0);
    expect(result.counts.listed).toBeGreaterThan(20);
    expect(result.counts.expired).toBeGreaterThan(0);
    expect(result.counts.read).toBeGreaterThan(20);
    expect(result.counts.overHttp).toBeGreaterThan(40);
    expect(result.counts.events.facts).toBeGreaterThan(600);
    expect(result.counts.copies.handed).toBeGreaterThan(100);
    expect(result.counts.copies.own).toBeGreaterThan(20);
    expect(result.counts.copies.missed).toBeGreaterThan(0);
    expect(result.counts.orderPromised).toBeGreaterThan(0);
  });

  test.for(PLANTED)('is told apart from $what', async ({ faults, only = '', load, ownServers, bugs }) => {
    const { dataDir } = inject('infrastructure');
    const root = plant(bugs, dataDir);
    const found: string[] = [];
    const shows = bugs.flatMap((bug) => bug.shows);
    const caught = () => shows.map((one) => found.some((violation) => one.test(violation)));
    for (const seed of SEEDS) {
      const ground = ownServers ? {} : { ground: await freshGround() };
      const options = { ...RUN, ...SMALL, ...load, ...ground, seed, root, faults, only };
      // A run that ends with an error has found something, too.
      found.push(
        ...(await runChaos(options, silent, dataDir).then(kinds, (error: unknown) => [String(error)])),
      );
      if (caught().every(Boolean)) return;
    }
    expect(caught(), found.join('\n')).toEqual(shows.map(() => true));
  });
});

/** A virtual host and a database of its own, on the servers that all tests share. */
async function freshGround() {
  const addresses = inject('infrastructure');
  const name = `chaos_${Math.random().toString(36).slice(2)}`;
  await createVirtualHost(addresses, name);
  return {
    amqpUrl: `${addresses.amqpUrl}/${name}`,
    databaseUrl: await createDatabase(addresses.databaseUrl, name),
  };
}
