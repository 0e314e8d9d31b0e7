import { MANY, type PlantedGroup } from './group.ts';

/** A gateway goes on without its lease: its users are away, and hear of nothing. */
const UNNOTICED =
  /G1 at the end: \d+ (messages whose sender waits|messages in mailboxes of users who are conn)/;

/** Bugs in what has to happen when something fails. */
export const FAILURES: readonly PlantedGroup[] = [
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
