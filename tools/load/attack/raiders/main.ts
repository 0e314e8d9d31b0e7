import type { AttackName } from '../options.ts';
import type { Attack, Orders, Report } from './attack.ts';
import { flood } from './flood.ts';
import { idle } from './idle.ts';
import { slowReaders } from './slow-readers.ts';
import { storm } from './storm.ts';

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
