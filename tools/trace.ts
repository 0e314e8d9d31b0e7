import { Command } from 'commander';
import { existsSync, globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { table } from './table.ts';
import { detailsOf, type Step, stepsOf } from '../services/admin/trace/steps.ts';

/** Prints what happened to one message, step by step, out of the logs of all services. */
async function trace(from: string, id: string, files: string[], { data }: { data: string }): Promise<void> {
  const logs = files.length > 0 ? files : globSync(`${data}/logs/*.log*`);
  const texts = await Promise.all(logs.map(read));
  const steps = texts.flatMap((lines) => stepsOf(lines.split('\n'), { from, id }));
  if (steps.length === 0) {
    console.error(
      `No step of message ${id} from ${from} in ${logs.join(', ') || `${data}/logs`}.\n` +
        'The services write one line for each step with LOG_LEVEL=trace.',
    );
    process.exitCode = 1;
    return;
  }
  console.log(timeline(steps.sort((a, b) => a.t - b.t)));
}

async function read(file: string): Promise<string> {
  if (file === '-') return text(process.stdin);
  if (!existsSync(file)) throw new Error(`There is no ${file}.`);
  return readFile(file, 'utf8');
}

/** A gateway is known by its name, other services by their process. */
function whoOf({ service, pid, more }: Step): string {
  return service === 'gateway' ? `gateway ${more['gateway'] as string}` : `${service} ${pid}`;
}

function timeline(steps: readonly Step[]): string {
  const first = steps[0]?.t ?? 0;
  const rows = steps.map((step) => {
    const after = `+${step.t - first} ms`.padStart(9);
    return [`${new Date(step.t).toISOString()} ${after}`, whoOf(step), `${step.step}${detailsOf(step)}`];
  });
  return table(rows).join('\n');
}

try {
  await new Command('npm run trace --')
    .description('Print what the services did with one message, out of their logs (LOG_LEVEL=trace).')
    .argument('<from>', "the sender's user id")
    .argument('<id>', 'the message id')
    .argument('[files...]', 'log files; - is standard input; without any, those of the local stack')
    .option('--data <dir>', 'data folder of the local stack', '.sixfold')
    .action(trace)
    .parseAsync();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
