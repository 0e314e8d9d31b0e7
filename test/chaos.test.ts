import { describe, expect, inject, test } from 'vitest';
import { FAULT_NAMES, type FaultName } from '../tools/chaos/faults/faults.ts';
import type { ChaosOptions } from '../tools/chaos/options.ts';
import { findPlanted, kindsOf, PLANTED } from '../tools/chaos/planted/planted.ts';
import { runChaos } from '../tools/chaos/run.ts';
import { REPOSITORY } from '../tools/stack/environment.ts';
import { createVirtualHost } from './harness/broker-admin.ts';
import { createDatabase } from './harness/database-admin.ts';

const RUN: ChaosOptions<FaultName> = {
  seconds: 30,
  seed: 6,
  pairs: 10,
  clientProcesses: 2,
  browsers: 0,
  rate: 30,
  failing: 0.002,
  quota: 500,
  gateways: 2,
  routing: 2,
  ack: 2,
  webhook: 1,
  cluster: false,
  pooler: false,
  faults: FAULT_NAMES,
  atOnce: 2,
  only: '',
  patienceMs: 150_000,
  root: REPOSITORY,
};

const progress = { say: () => undefined };

// They wait most of the time, so that they can run side by side.
describe.concurrent('the nemesis', { timeout: 600_000 }, () => {
  test('breaks no guarantee, whatever it does', async () => {
    const { counts } = await unharmed(RUN);
    expect(counts.accepted).toBeGreaterThan(200);
    expect(counts.duplicatesOnTheWire).toBeGreaterThan(0);
    expect(counts.inMailbox).toBeGreaterThan(0);
    expect(counts.listed).toBeGreaterThan(20);
    expect(counts.expired).toBeGreaterThan(0);
    expect(counts.read).toBeGreaterThan(20);
    expect(counts.overHttp).toBeGreaterThan(30);
    expect(counts.events.facts).toBeGreaterThan(400);
    expect(counts.copies.handed).toBeGreaterThan(80);
    expect(counts.copies.own).toBeGreaterThan(20);
    expect(counts.copies.missed).toBeGreaterThan(0);
    expect(counts.orderPromised).toBeGreaterThan(0);
  });

  // Receipts go past ack, straight to the gateways of senders.
  test('breaks no guarantee where nobody wants events', async () => {
    const { counts } = await unharmed({ ...RUN, seconds: 12, seed: 9, webhook: 0 });
    expect(counts.accepted).toBeGreaterThan(50);
  });

  // What the checker says of each thing that can go wrong: tools/chaos/check/*.test.ts.
  test.for(PLANTED.filter(({ inTests }) => inTests))('is told apart from $what', async (group) => {
    const parent = inject('infrastructure').dataDir;
    const { found, missing } = await findPlanted(group, { parent, fresh: freshGround, progress });
    expect(missing, found.join('\n')).toEqual([]);
  });
});

/** What a run counted. Its report is shown if it found a violation. */
async function unharmed(options: ChaosOptions<FaultName>) {
  const result = await runChaos(options, progress, inject('infrastructure').dataDir);
  if (result.violations.length > 0) console.error(result.report);
  expect(kindsOf(result)).toEqual([]);
  return result;
}

/** A virtual host and a database of its own, on the servers that all tests share. */
async function freshGround() {
  const addresses = inject('infrastructure');
  const name = `chaos_${Math.random().toString(36).slice(2)}`;
  await createVirtualHost(addresses, name);
  return {
    amqpUrl: `${addresses.amqpUrl}/${name}`,
    databaseUrl: await createDatabase(addresses.databaseUrl, name),
  };
}
