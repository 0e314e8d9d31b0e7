import type { Target } from '../client.ts';
import type { AttackName } from '../options.ts';
import { flood } from './flood.ts';
import { idle } from './idle.ts';
import { slowReaders } from './slow-readers.ts';
import { storm } from './storm.ts';

/** A process full of attackers, started with its {@link Orders} as the only argument; ended by a kill. */
export interface Orders {
  attack: AttackName;
  target: Target;
  connections: number;
  rounds: number;
  raiders: number;
}

/** What the process tells its parent, now and then. */
export interface Report {
  counts: Record<string, number>;
  /** The attack is at full strength; of a storm: over. */
  strong: boolean;
}

/** What an attack is given: its orders, and a tally. */
export type Attack = (orders: Orders, count: (what: string, by?: number) => void) => Promise<void>;

const REPORT_MS = 250;
const attacks: Record<AttackName, Attack> = { idle, 'slow-readers': slowReaders, flood, storm };

const orders = JSON.parse(process.argv[2] ?? '') as Orders;
const report: Report = { counts: {}, strong: false };
const count = (what: string, by = 1) => (report.counts[what] = (report.counts[what] ?? 0) + by);
setInterval(() => process.send?.(report), REPORT_MS);
process.on('disconnect', () => process.exit(1));
await attacks[orders.attack](orders, count);
report.strong = true;
process.send?.(report);
