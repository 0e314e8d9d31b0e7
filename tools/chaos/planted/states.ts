import { type PlantedGroup } from './group.ts';

/** Bugs of what becomes of a message: states, times, read receipts, events. */
export const STATES: readonly PlantedGroup[] = [
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
];
