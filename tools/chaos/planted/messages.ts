import { MANY, type PlantedGroup } from './group.ts';

/** Bugs of messages that are lost, doubled, or out of order. */
export const DELIVERY: readonly PlantedGroup[] = [
  {
    inTests: true,
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
    inTests: true,
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
    inTests: true,
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
];
