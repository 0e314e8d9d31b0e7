import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { beforeAll, expect, inject, test } from 'vitest';
import { DEFAULTS } from '../tools/load/options.ts';
import { writeResults } from '../tools/load/report/write.ts';
import { runLoad } from '../tools/load/run.ts';
import { createVirtualHost } from './harness/broker-admin.ts';
import { createDatabase } from './harness/database-admin.ts';
import { temporaryFolder } from './harness/infrastructure.ts';

/** Benchmarks too small to say anything: that they measure, count every message, and write results. */

const PAIRS = 4;
const STORED = 200;
const RATE = 50;

let files: Map<string, string>;
/** What was there when a scenario had ended. */
const kept: string[][] = [];

beforeAll(async () => {
  const addresses = inject('infrastructure');
  const name = `load_${process.pid}`;
  await createVirtualHost(addresses, name);
  const databaseUrl = await createDatabase(addresses.databaseUrl, name);
  const result = await runLoad(
    {
      ...DEFAULTS,
      scenarios: ['open-loop', 'offline-storm', 'compare'],
      backends: { amqpUrl: `${addresses.amqpUrl}/${name}`, databaseUrl },
      limits: true,
      ...{ gateways: 1, pairs: PAIRS, outstanding: [2], rates: [RATE], rate: RATE },
      ...{ seconds: 3, warmup: 0, turns: 1, stored: STORED, batches: [4] },
    },
    { say: () => undefined },
    (soFar) => kept.push(Object.keys(soFar.sections)),
    addresses.dataDir,
  );
  const paths = writeResults(await temporaryFolder(addresses.dataDir), result);
  files = new Map(paths.map((path) => [basename(path), readFileSync(join(path), 'utf8')]));
});

test('what it measured is there as JSON', () => {
  const { limits, ...results } = JSON.parse(files.get('results.json') ?? '') as Record<string, unknown>;
  const positive = expect.toSatisfy((value: number) => value > 0) as number;
  const limit = expect.objectContaining({
    perSecond: positive,
    latency: expect.objectContaining({ count: positive, p50: positive }) as object,
  }) as object;
  expect(limits).toEqual({ limits: [limit, limit], atRate: [limit, limit] });
  expect(results).toMatchObject({
    host: { cpus: positive },
    'open-loop': [
      {
        rate: RATE,
        perSecond: positive,
        latency: { count: positive, p50: positive, p99: positive },
        accepted: { count: positive },
        cpuByRole: { gateway: positive, routing: positive, ack: positive, load: positive },
        cpuPer1000: { 'gateway-1': positive },
        serverCpuPer1000: positive,
      },
    ],
    'offline-storm': { count: STORED, parts: Array(3).fill({ perSecond: positive }) as object[] },
  });
});

test('what was measured is kept before the next is', () => {
  const names = ['limits', 'open-loop', 'offline-storm', 'compare'];
  expect(kept).toEqual(names.map((_, n) => names.slice(0, n + 1)));
});

test('and as tables and charts for people', () => {
  const text = files.get('results.md') ?? '';
  for (const title of ['What the machine can do at most', 'Open loop', 'Offline storm', 'In turns'])
    expect(text).toContain(`## ${title}`);
  expect(text).toMatch(/^\| 1 x 1 under way: this version( \| [\d.,]+){5} \|$/m);
  expect(text).toMatch(/^\| 50\/s due( \| [\d.,]+){5} \|$/m);
  expect(text).not.toMatch(/NaN|undefined|Infinity/);
  const [, chart = ''] = /!\[.*\]\((.*\.svg)\)/.exec(text) ?? [];
  expect(files.get(chart)).toMatch(/^<svg [^]*<\/svg>\s*$/);
});
