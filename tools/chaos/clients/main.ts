import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { historyWriter, readHistory } from '../history.ts';
import { REPORT_MS } from './counter.ts';
import { nodePlatform } from './node-platform.ts';
import type { Command, Orders } from './orders.ts';
import { runClients } from './run-clients.ts';

const orders = JSON.parse(process.argv[2] ?? '') as Orders;
mkdirSync(orders.dir, { recursive: true });
const historyFile = join(orders.dir, 'history.jsonl');
const write = historyWriter(historyFile);

const clients = runClients(orders, nodePlatform(orders.storageDir), {
  history: readHistory(historyFile),
  write,
  report: (counter) => void process.send?.(counter),
  beats: (beat) => {
    const timer = setInterval(beat, REPORT_MS);
    return () => clearInterval(timer);
  },
});

process.on('message', (command: Command) => {
  clients.settle();
  if (command === 'end') void end();
});
process.on('disconnect', () => process.exit(1)); // the parent died

async function end(): Promise<void> {
  await clients.end();
  process.disconnect();
  process.exit(0);
}
