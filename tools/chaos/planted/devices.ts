import { type PlantedGroup } from './group.ts';

/** Bugs of the copies and receipts of synced devices. */
export const DEVICES: readonly PlantedGroup[] = [
  {
    inTests: true,
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
];
