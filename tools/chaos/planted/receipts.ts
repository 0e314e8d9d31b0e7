import { type PlantedGroup } from './group.ts';

const LOST = /G3 delivered when its sender had left, and its mailbox does not say so/;
const MISSING = /G3 a receipt is missing on the synced device/;

/** Bugs of receipts that go straight to the gateway of the sender. */
export const RECEIPTS: readonly PlantedGroup[] = [
  {
    inTests: true,
    what: 'receipts past ack: settled without a confirm, and for sessions that are not alone',
    faults: [],
    load: { pairs: 20, rate: 40, gateways: 2, patienceMs: 15_000 },
    bugs: [
      {
        file: 'services/gateway/direct-receipts.ts',
        find: 'this.#publishers.to(gateway).add(',
        replace: 'if (Math.random() < 0.5) pending.settled(); else this.#publishers.to(gateway).add(',
        shows: LOST,
      },
      {
        // Those who leave, with a dot in their names, send nothing again; without it, they are still there.
        file: 'services/gateway/gateway-consumer.ts',
        find: 'if (session) session.window.offer(entry, delivery);',
        replace:
          'if (session) setTimeout(() => session.closed ? this.#gateway.returnToMailbox(entry, "no_session", delivery) : ' +
          'session.window.offer(entry, delivery), entry.from.includes(".") ? 7_000 : 0);',
        shows: LOST,
      },
      {
        file: 'services/routing/sessions.ts',
        find: '(together.has(session) ? {} : { alone: true })',
        replace: '(together.size < 0 ? {} : { alone: true })',
        shows: MISSING,
      },
      {
        // The comparison with presence would mend it.
        file: 'services/gateway/gateway-consumer.ts',
        find: 'for (const id of joined) this.#gateway.sessions.get(id)?.joined();',
        replace: 'void joined;',
        shows: MISSING,
      },
    ],
  },
];
