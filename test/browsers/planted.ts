import type { PlantedBug } from '../../tools/testkit/planted-bug.ts';
import { DAY_MS, setClock, wakeUp } from './network.ts';
import { keepWhatWasSent, kill, reload, reloadInMidSend } from './reload.ts';
import { fetchInWorker } from './service-worker.ts';
import { shareConnection } from './tabs.ts';
import type { World } from './world.ts';

/** A bug of the client in a browser, and the scenario that must fail with it. */
interface BrowserBug {
  what: string;
  /** `npm test` plants it; the others have their turn with `npm run browsers -- --planted`. */
  inTests?: true;
  scenario: (world: World) => Promise<void>;
  /** What the scenario says. */
  shows: RegExp;
  bug: PlantedBug;
}

/** Writes count as done at once, and are done a moment later. */
const WRITE_BEHIND: PlantedBug = {
  file: 'libs/client/indexeddb/indexeddb.ts',
  find: 'return this.#change(durability, (transaction) => apply(transaction, changes));',
  replace: `setTimeout(() => {
      this.#change(durability, (transaction) => apply(transaction, changes)).catch(() => undefined);
    }, 500);
    return Promise.resolve();`,
};

/** Names are not in the seen set after a restart. */
const UNSEEN: PlantedBug = {
  file: 'libs/client/indexeddb/apply.ts',
  find: 'if (!seen.has(name)) request(',
  replace: "if (name === '') request(",
};

export const BROWSER_BUGS: readonly BrowserBug[] = [
  {
    what: 'a storage that does not wait for its transaction, what was sent before a reload',
    inTests: true,
    scenario: (world) => keepWhatWasSent(world, reload),
    shows: /to deeply equal/,
    bug: WRITE_BEHIND,
  },
  {
    what: 'a storage that does not wait for its transaction, in mid-send',
    scenario: reloadInMidSend,
    shows: /seed \d+: expected|to be handled/,
    bug: WRITE_BEHIND,
  },
  {
    what: 'a storage that does not wait for its transaction, what was sent before a kill',
    scenario: (world) => keepWhatWasSent(world, kill),
    shows: /to deeply equal/,
    bug: WRITE_BEHIND,
  },
  {
    what: 'a seen set that is not saved',
    scenario: fetchInWorker,
    shows: /to deeply equal/,
    bug: UNSEEN,
  },
  {
    what: 'tabs that all lead, without a lock',
    scenario: shareConnection,
    shows: /the page to be online/,
    bug: {
      file: 'libs/client/tabs/election.ts',
      find: 'if (!locks) void lead();',
      replace: "if (!locks || this.#key !== '') void lead();",
    },
  },
  {
    what: 'a mirrored message that is handled as a real one',
    scenario: shareConnection,
    shows: /to deeply equal/,
    bug: {
      file: 'libs/client/tabs/tab-session.ts',
      find: '({ ...message, mirrored: true })',
      replace: '(message)',
    },
  },
  {
    what: 'a page that does not look at its connection when it wakes up',
    scenario: wakeUp,
    shows: /to be handled/,
    bug: {
      file: 'libs/client/tabs/wake.ts',
      find: "if (client.status.state !== 'closed') client.reconnect();",
      replace: 'void client.status;',
    },
  },
  {
    what: 'timers that follow the wall clock',
    scenario: (world) => setClock(world, -DAY_MS),
    shows: /to reach the peer|to be delivered/,
    bug: {
      file: 'libs/client/timing/steady-clock.ts',
      find: "  now(): number {\n    const raw = this.#read('now');",
      replace:
        "  now(): number {\n    if (this.#now >= 0) return Date.now();\n    const raw = this.#read('now');",
    },
  },
];
