import type { PlantedBug } from '../../testkit/planted-bug.ts';
import type { FaultName } from '../faults/faults.ts';
import type { ChaosOptions } from '../options.ts';

/** Bugs that show in different violations share a run. */
export interface PlantedGroup {
  what: string;
  /** `npm test` runs it; the others have their turn with `npm run chaos -- --planted`. */
  inTests?: true;
  faults: FaultName[];
  only?: string;
  load?: Partial<ChaosOptions<FaultName>>;
  /** Needs a broker and a database of its own, which it can hurt. */
  ownServers?: boolean;
  bugs: (PlantedBug & { shows: RegExp | RegExp[] })[];
}

/** Many leave right after their msg:A and never return: everybody else sends lost messages again. */
export const MANY = { pairs: 40, rate: 60 };
