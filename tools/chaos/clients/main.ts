import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ChaosUser } from '../users.ts';
import { SeededRandom } from '../../testkit/seeded-random.ts';
import { type ClientEvent, HistoryFile } from '../history.ts';
import type { TestClient } from './test-client.ts';
import { play } from './behaviour.ts';
import { Counter } from './counter.ts';

/**
 * A process full of reference clients. Started with its {@link Orders} as the only argument; says how it stands every
 * now and then, and does what it is told, through the channel to its parent.
 */
export interface Orders {
  run: number;
  seed: number;
  parts: ChaosUser[];
  urls: string[];
  /** Address of the token endpoint. */
  tokens: string;
  /** Folder of this process: its history. */
  dir: string;
  /** Folder for the storage of its clients. */
  storageDir: string;
  everyMs: number;
  /** Share of the messages on which the receiving application fails. */
  failing: number;
}

/** `settle`: send nothing more, and come back if you will ever; `end`: close everything and exit. */
export type Command = 'settle' | 'end';

const REPORT_MS = 250;

const orders = JSON.parse(process.argv[2] ?? '') as Orders;
mkdirSync(orders.dir, { recursive: true });
const history = new HistoryFile(join(orders.dir, 'history.jsonl'));
const counter = new Counter();
const ground = {
  ...orders,
  record: (event: ClientEvent) => {
    history.write(event);
    counter.count(event);
  },
};
const settle = new AbortController();
const stage = new Map<ChaosUser, TestClient>();

const scenes = orders.parts.map((part, n) =>
  play({
    part,
    ground,
    random: new SeededRandom(orders.seed * 1_000 + n),
    everyMs: orders.everyMs,
    settle: settle.signal,
    onStage: (client) => stage.set(part, client),
  }),
);
const settled = Promise.all(scenes).then(() => (counter.settled = true));

const reporting = setInterval(() => {
  const staying = [...stage].filter(
    ([{ behaviour }]) => behaviour === 'stays' || behaviour === 'comes-and-goes',
  );
  counter.waiting = staying.reduce((sum, [, client]) => sum + client.waiting, 0);
  counter.offline = staying.filter(([, client]) => !client.online).length;
  counter.arrived ||= counter.offline === 0;
  process.send?.(counter);
}, REPORT_MS);

process.on('message', (command: Command) => {
  settle.abort();
  if (command === 'end') void end();
});
// A nemesis that is gone is no reason to go on.
process.on('disconnect', () => process.exit(1));

async function end(): Promise<void> {
  await settled;
  await Promise.all([...stage.values()].map((client) => client.close('orderly')));
  clearInterval(reporting);
  history.close();
  process.disconnect();
  process.exit(0);
}
