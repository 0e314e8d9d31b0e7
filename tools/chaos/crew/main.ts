import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Part } from '../cast.ts';
import { Dice } from '../../testkit/dice.ts';
import { type ClientEvent, HistoryFile } from '../history.ts';
import type { Actor } from './actor.ts';
import { play } from './conduct.ts';
import { Tally } from './tally.ts';

/**
 * A process full of reference clients. Started with its {@link Orders} as the only argument; says how it stands every
 * now and then, and does what it is told, through the channel to its parent.
 */
export interface Orders {
  run: number;
  seed: number;
  parts: Part[];
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
const tally = new Tally();
const ground = {
  ...orders,
  record: (event: ClientEvent) => {
    history.write(event);
    tally.count(event);
  },
};
const settle = new AbortController();
const stage = new Map<Part, Actor>();

const scenes = orders.parts.map((part, n) =>
  play({
    part,
    ground,
    dice: new Dice(orders.seed * 1_000 + n),
    everyMs: orders.everyMs,
    settle: settle.signal,
    onStage: (actor) => stage.set(part, actor),
  }),
);
const settled = Promise.all(scenes).then(() => (tally.settled = true));

const reporting = setInterval(() => {
  const staying = [...stage].filter(([{ conduct }]) => conduct === 'stays' || conduct === 'comes-and-goes');
  tally.waiting = staying.reduce((sum, [, actor]) => sum + actor.waiting, 0);
  tally.offline = staying.filter(([, actor]) => !actor.online).length;
  tally.arrived ||= tally.offline === 0;
  process.send?.(tally);
}, REPORT_MS);

process.on('message', (command: Command) => {
  settle.abort();
  if (command === 'end') void end();
});
// A nemesis that is gone is no reason to go on.
process.on('disconnect', () => process.exit(1));

async function end(): Promise<void> {
  await settled;
  await Promise.all([...stage.values()].map((actor) => actor.close('orderly')));
  clearInterval(reporting);
  history.close();
  process.disconnect();
  process.exit(0);
}
