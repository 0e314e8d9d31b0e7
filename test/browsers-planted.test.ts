import { expect, inject, test } from 'vitest';
import { BROWSER_NAMES } from '../tools/browsers/browser.ts';
import { plant } from '../tools/testkit/planted-bug.ts';
import { BROWSER_BUGS } from './browsers/planted.ts';
import { World } from './browsers/world.ts';

/** Whether the scenarios of browsers.test.ts fail when the client is wrong. `npm run browsers -- --planted` plants all bugs. */

const ALL = process.env['SIXFOLD_BROWSERS'] === 'planted';

/** What never happens is waited for that long, milliseconds. */
const PATIENCE_MS = 20_000;

const cases = (ALL ? BROWSER_NAMES : BROWSER_NAMES.slice(0, 1)).flatMap((name) =>
  BROWSER_BUGS.filter(({ inTests }) => ALL || inTests).map((bug) => ({ name, ...bug })),
);

test.for(cases)('$name: is found out: $what', async ({ name, bug, scenario, shows }) => {
  const root = plant([bug], inject('infrastructure').dataDir);
  const world = await World.start(name, { root, patienceMs: PATIENCE_MS });
  try {
    await expect(scenario(world)).rejects.toThrow(shows);
  } finally {
    await world.stop();
  }
});
