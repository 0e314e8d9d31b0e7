import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Step, stepsOf } from '../../admin/trace/steps.ts';

/** Most bytes of each log that are read, from its end. */
const MAX_LOG_BYTES = 67_108_864;
/** Most steps that are told. */
const MAX_STEPS = 500;
/** Longest text of a field, characters: names and codes are shorter. */
const MAX_TEXT = 200;

/** A step as it may be shown. */
export interface ShownStep {
  t: number;
  /** `gateway-1`, or `routing 4711`. */
  who: string;
  step: string;
  details: Record<string, string | number | boolean>;
}

/** The steps of a message in the logs of a folder, by time. The services log no bodies. */
export async function stepsInLogs(folder: string, from: string, id: string): Promise<ShownStep[]> {
  const names = (await readdir(folder)).filter((name) => /\.log(\.\d+)?$/.test(name));
  const found = await Promise.all(names.map((name) => stepsIn(join(folder, name), from, id)));
  return found
    .flat()
    .sort((a, b) => a.t - b.t)
    .slice(0, MAX_STEPS)
    .map(shownStep);
}

async function stepsIn(path: string, from: string, id: string): Promise<Step[]> {
  const { size } = await stat(path);
  const input = createReadStream(path, { start: Math.max(0, size - MAX_LOG_BYTES) });
  const lines: string[] = [];
  for await (const line of createInterface({ input, crlfDelay: Infinity }))
    if (line.includes(id) && lines.length < MAX_STEPS) lines.push(line);
  return stepsOf(lines, { from, id });
}

/** Only short plain values. */
export function shownStep({ t, service, pid, step, more }: Step): ShownStep {
  const { gateway, ...others } = more;
  const who = typeof gateway === 'string' ? gateway : `${service} ${pid}`;
  const plain = Object.entries(others).filter(
    ([, value]) => ['number', 'boolean'].includes(typeof value) || isShort(value),
  );
  return {
    t,
    who,
    step: step.slice(0, MAX_TEXT),
    details: Object.fromEntries(plain) as ShownStep['details'],
  };
}

const isShort = (value: unknown) => typeof value === 'string' && value.length <= MAX_TEXT;
