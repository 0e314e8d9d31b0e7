import { expect, inject, test } from 'vitest';
import { runFuzz } from '../tools/fuzz/run.ts';
import type { FuzzOptions } from '../tools/fuzz/options.ts';
import { REPOSITORY } from '../tools/stack/environment.ts';
import { createVirtualHost } from './harness/broker-admin.ts';
import { createDatabase } from './harness/database-admin.ts';
import { plant, type PlantedBug } from '../tools/testkit/planted-bug.ts';

/** A bounded run of the fuzzer; `npm run fuzz` runs for as long as you like. */

const RUN = { seconds: 8, seed: 6, connections: 8, forged: 40, pairs: 2, root: REPOSITORY };
const silent = { say: () => undefined };

/** With a virtual host and a database of its own, on the servers that all tests share. */
async function fuzz(options: Omit<FuzzOptions, 'ground'>) {
  const addresses = inject('infrastructure');
  const name = `fuzz_${Math.random().toString(36).slice(2)}`;
  await createVirtualHost(addresses, name);
  const ground = {
    amqpUrl: `${addresses.amqpUrl}/${name}`,
    databaseUrl: await createDatabase(addresses.databaseUrl, name),
  };
  return runFuzz({ ...options, ground }, silent, addresses.dataDir);
}

// They wait most of the time, so that they can run side by side.
test.concurrent('hurt packets, frames and queue entries hurt nobody', async () => {
  const result = await fuzz(RUN);
  expect(result.fault).toBeUndefined();
  expect(result.connections).toBeGreaterThan(20);
  expect(result.http).toBeGreaterThan(8);
  expect(result.forged).toBeGreaterThan(5);
  expect(result.buried).toBeGreaterThan(3);
  expect(result.delivered).toBeGreaterThan(5);
});

test.concurrent.for<[string, PlantedBug & { only: Partial<FuzzOptions>; found: RegExp }]>([
  [
    'a packet that ends the process',
    {
      file: 'libs/protocol/decode.ts',
      find: 'const usual = readUsual(type, fields);',
      replace:
        "const usual = readUsual(type, fields); if (typeof type !== 'string') throw new Error('planted');",
      only: { forged: 0 },
      found: /gateway-1 ended|planted/,
    },
  ],
  [
    'a queue message that ends the process',
    {
      file: 'libs/broker/dead-letters.ts',
      find: "if (!Array.isArray(json)) return unreadable('not an array', text);",
      replace: "if (!('length' in (json as object))) return unreadable('planted', text);",
      only: { connections: 0, forged: 100 },
      found: /-1 ended|'in' operator/,
    },
  ],
])('it finds %s', async ([, { only, found, ...bug }]) => {
  const root = plant([bug], inject('infrastructure').dataDir);
  const { fault = 'nothing', ...counts } = await fuzz({ ...RUN, seconds: 20, ...only, root });
  expect(fault, JSON.stringify(counts)).toMatch(found);
});
