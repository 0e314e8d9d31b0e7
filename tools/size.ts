import { Command, InvalidArgumentError } from 'commander';
import { readFileSync, writeFileSync } from 'node:fs';
import { integer } from './integer.ts';
import { endsOf } from './size/ends.ts';
import { MEASURED_FILE, readMeasured } from './size/measured.ts';
import { type Need, planFor } from './size/plan.ts';
import { compare } from './size/predict.ts';
import { comparisonOf, sheetOf } from './size/report.ts';
import { loopsOf, measuredOf, Results } from './size/results.ts';

/** Error of a prediction above which the model is wrong. */
const MOST_ERROR = 0.2;

interface Options extends Omit<Need, 'away'> {
  /** Percent. */
  away: number;
  check?: string;
  calibrate?: string;
}

const resultsIn = (file: string): Results => Results.parse(JSON.parse(readFileSync(file, 'utf8')));

function size({ check, calibrate, away, ...options }: Options): void {
  if (calibrate !== undefined) {
    const measured = measuredOf(resultsIn(calibrate), readMeasured());
    writeFileSync(MEASURED_FILE, `${JSON.stringify(measured, undefined, 2)}\n`);
    console.log(`tools/size/measured.json is from ${calibrate} now.`);
  }
  const measured = readMeasured();
  if (check !== undefined) {
    const loops = loopsOf(resultsIn(check), 'scale-out');
    if (loops.length === 0) throw new InvalidArgumentError('The run must have the scenario scale-out.');
    const comparisons = loops.map((loop) => compare(measured, loop));
    console.log(comparisonOf(comparisons));
    const worst = comparisons.flatMap((one) => [one.cpuError, one.throughputError]).map(Math.abs);
    if (Math.max(...worst) > MOST_ERROR) process.exitCode = 1;
  }
  if (check !== undefined || calibrate !== undefined) return;
  const need = { ...options, away: away / 100 };
  const plan = planFor(need, measured);
  console.log(`${sheetOf(need, plan, endsOf(need, plan, measured))}\n\nBy ${measured.source}.`);
}

await new Command('npm run size --')
  .description(
    'Sizes an installation, from measured CPU time and memory: a model, to be checked on your machines.',
  )
  .option('--users <n>', 'clients that are connected at the peak', integer(1, 100_000_000), 10_000)
  .option('--rate <n>', 'messages a second at the peak', integer(1, 10_000_000), 1_000)
  .option('--body-bytes <n>', 'length of a message', integer(0, 65_536), 200)
  .option('--away <percent>', 'of the messages whose receivers are away', integer(0, 100), 20)
  .option('--waiting <n>', 'messages in all mailboxes', integer(0, 1_000_000_000), 1_000_000)
  .option('--latency-ms <n>', 'from msg:R to ack:N that is good enough', integer(1, 10_000), 30)
  .option('--partitions <n>', 'ROUTE_PARTITIONS', integer(1, 256), 8)
  .option('--events', 'a back end wants message.delivered', false)
  .option('--outage-minutes <n>', 'of PostgreSQL, that the broker bridges', integer(0, 10_000), 60)
  .option('--broker-nodes <n>', '1 or 3', integer(1, 7), 3)
  .option('--check <file>', 'instead: compare predictions with the scale-out of a results.json')
  .option('--calibrate <file>', 'instead: take the measurements of a results.json')
  .action(size)
  .parseAsync();
