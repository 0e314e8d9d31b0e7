import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, expect, test } from 'vitest';
import { ProcessClock } from './clock.ts';

const dir = mkdtempSync(join(tmpdir(), 'sixfold-clock-'));
afterAll(() => rmSync(dir, { recursive: true }));

const DAY_MS = 24 * 3_600_000;
const PROGRAM =
  'setInterval(() => console.log(Date.now(), +new Date(), +new Date(7), performance.now()), 50)';

test('makes the clock of a running process wrong, and right again', async () => {
  const clock = new ProcessClock(join(dir, 'clock'));
  const child = spawn(process.execPath, ['-e', PROGRAM], { env: { ...process.env, ...clock.env } });
  const gone = once(child, 'exit');
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const off = async () => {
    const [now = 0, date = 0, given] = String((await lines.next()).value)
      .split(' ')
      .map(Number);
    expect(given).toBe(7);
    expect(date - now).toBeLessThan(1_000);
    return Math.round((now - Date.now()) / DAY_MS);
  };
  const until = async (days: number) => {
    while ((await off()) !== days);
  };
  await until(0);
  clock.shift(400 * DAY_MS);
  await until(400);
  clock.shift(-400 * DAY_MS);
  await until(-400);
  clock.shift(0);
  await until(0);
  child.kill();
  await gone;
});
