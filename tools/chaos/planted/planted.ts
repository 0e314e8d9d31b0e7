import { plant } from '../../testkit/planted-bug.ts';
import type { Progress } from '../../progress.ts';
import type { FaultName } from '../faults/faults.ts';
import type { ChaosOptions } from '../options.ts';
import { type ChaosResult, runChaos } from '../run.ts';
import { BROWSERS } from './browsers.ts';
import { DEVICES } from './devices.ts';
import { FAILURES } from './failures.ts';
import type { PlantedGroup } from './group.ts';
import { DELIVERY } from './messages.ts';
import { RECEIPTS } from './receipts.ts';
import { STATES } from './states.ts';

/** Bugs that a chaos run must find. */
export const PLANTED: readonly PlantedGroup[] = [
  ...DELIVERY,
  ...DEVICES,
  ...RECEIPTS,
  ...STATES,
  ...FAILURES,
  ...BROWSERS,
];

/** As little as shows a bug. */
const SMALL = {
  ...{
    seconds: 12,
    pairs: 10,
    rate: 30,
    clientProcesses: 2,
    browsers: 0,
    failing: 0.03,
    quota: 500,
    patienceMs: 6_000,
  },
  ...{ gateways: 1, routing: 2, ack: 1, webhook: 0, cluster: false, pooler: false, atOnce: 2 },
};

/** Whether a bug does harm in so little time is a matter of luck: some need another run. */
const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8];

/** What the checker found, and what it missed. */
export interface Findings {
  /** Violations in words, without the names of users and messages. */
  found: string[];
  /** How bugs would have shown that it did not find. */
  missing: RegExp[];
}

/** Where a run takes place. */
export interface PlantedGround {
  /** Folder in which each run makes its own. */
  parent: string;
  /** A broker with a new virtual host, and a new database; without it, each run starts its own servers. */
  fresh?: () => Promise<NonNullable<ChaosOptions['ground']>>;
  progress: Progress;
}

/** Violations in words, without the names of users and messages, each once. */
export const kindsOf = ({ violations }: ChaosResult): string[] => [
  ...new Set(violations.map(({ guarantee, what }) => `${guarantee} ${what}`)),
];

/** Plants the bugs of a group in a copy of the work tree, and runs chaos with one seed after the other until it has found all. */
export async function findPlanted(
  { faults, only = '', load, ownServers, bugs }: PlantedGroup,
  { parent, fresh, progress }: PlantedGround,
): Promise<Findings> {
  const root = plant(bugs, parent);
  const shows = bugs.flatMap((bug) => bug.shows);
  const found: string[] = [];
  let missing = shows;
  for (const seed of SEEDS) {
    const ground = fresh && !ownServers ? { ground: await fresh() } : {};
    const options: ChaosOptions<FaultName> = { ...SMALL, ...load, ...ground, seed, root, faults, only };
    // A run that ends with an error has found something, too.
    found.push(
      ...(await runChaos(options, progress, parent).then(kindsOf, (error: unknown) => [String(error)])),
    );
    missing = shows.filter((one) => !found.some((violation) => one.test(violation)));
    if (missing.length === 0) break;
  }
  return { found, missing };
}
