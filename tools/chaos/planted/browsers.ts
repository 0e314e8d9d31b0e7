import type { PlantedGroup } from './group.ts';

/** Bugs that show in browsers only. `npm run browsers -- --planted` has more, one for each scenario. */
export const BROWSERS: readonly PlantedGroup[] = [
  {
    what: 'a mirrored message that counts as handled, and a storage of the browser that writes behind',
    faults: ['kill-clients', 'tabs-reload', 'tabs-close', 'tabs-crash'],
    only: 'browser',
    load: { pairs: 1, browsers: 1, rate: 60, seconds: 20, patienceMs: 40_000 },
    bugs: [
      {
        file: 'libs/client/tabs/tab-session.ts',
        find: '({ ...message, mirrored: true })',
        replace: '(message)',
        shows: /G2 handed to t\d+\/one twice/,
      },
      {
        file: 'libs/client/indexeddb/indexeddb.ts',
        find: 'return this.#change(durability, (transaction) => apply(transaction, changes));',
        replace: `setTimeout(() => {
      this.#change(durability, (transaction) => apply(transaction, changes)).catch(() => undefined);
    }, 500);
    return Promise.resolve();`,
        shows: /G1 sent, and not in the outbox after a restart/,
      },
    ],
  },
];
