import { beforeAll, describe, expect, inject, test } from 'vitest';
import { type AttackName, ATTACKS } from '../tools/load/attack/options.ts';
import { BODY_BYTES } from '../tools/load/attack/raiders/slow-readers.ts';
import { perConnection } from '../tools/load/attack/report.ts';
import { type AttackResult, runAttacks } from '../tools/load/attack/run.ts';
import { createVirtualHost } from './harness/broker-admin.ts';
import { createDatabase } from './harness/database-admin.ts';

/** Memory stays bounded, and honest users are served, whatever others do. The whole of it: npm run attack. */

const CONNECTIONS = 300;
const ROUNDS = 2;
const PAIRS = 4;
const MAX_UNSETTLED_BYTES = 1024 * 1024;
const MAX_SEND_BUFFER_BYTES = 1024 * 1024;
const MIB = 1024 * 1024;

const results = new Map<AttackName, AttackResult>();

beforeAll(async () => {
  const addresses = inject('infrastructure');
  const name = `attack_${process.pid}`;
  await createVirtualHost(addresses, name);
  const databaseUrl = await createDatabase(addresses.databaseUrl, name);
  const options = {
    attacks: ATTACKS,
    connections: CONNECTIONS,
    rounds: ROUNDS,
    raiders: 8,
    pairs: PAIRS,
    seconds: 2,
    ground: { amqpUrl: `${addresses.amqpUrl}/${name}`, databaseUrl },
    env: {
      MAX_UNSETTLED_BYTES: String(MAX_UNSETTLED_BYTES),
      MAX_SEND_BUFFER_BYTES: String(MAX_SEND_BUFFER_BYTES),
    },
  };
  for (const result of await runAttacks(options, () => undefined, addresses.dataDir))
    results.set(result.attack, result);
});

function resultOf(attack: AttackName): AttackResult {
  const result = results.get(attack);
  if (!result) throw new Error(`${attack} was not run`);
  return result;
}

describe.each(ATTACKS)('under attack by %s', (attack) => {
  test('honest users are served all the while', () => {
    const { calm, attacked } = resultOf(attack);
    expect(attacked.trips.length).toBeGreaterThan(0);
    // On a machine that is short of processor time the broker may confirm late, and some are `unavailable`.
    expect(calm.failed + attacked.failed).toBeLessThan((calm.trips.length + attacked.trips.length) / 2);
  });

  test('the gateway forgets the attackers', () => {
    const { before, after } = resultOf(attack).memory;
    expect(after - before).toBeLessThan(48 * MIB); // the first attacks warm the gateway up
  });
});

test('a connection that idles costs little', () => {
  const idle = resultOf('idle');
  expect(idle.counts['connections']).toBe(CONNECTIONS);
  expect(perConnection(idle)).toBeLessThan(100 * 1024);
});

test('what clients do not read is bounded, for one and for all together', () => {
  const { counts, inflightMessages, sendBufferBytes } = resultOf('slow-readers');
  // More than fits, so that the bounds are what keeps it small.
  expect((counts['messages'] ?? 0) * BODY_BYTES).toBeGreaterThan(MAX_UNSETTLED_BYTES * 1.25);
  expect(inflightMessages * BODY_BYTES).toBeLessThan(MAX_UNSETTLED_BYTES * 1.25);
  expect(sendBufferBytes).toBeLessThan((counts['readers'] ?? 0) * MAX_SEND_BUFFER_BYTES);
});

test('a flood is refused, and who goes on is thrown out', () => {
  const { counts, errors } = resultOf('flood');
  expect(errors).toMatchObject({
    rate_limited: expect.any(Number) as number,
    bad_packet: expect.any(Number) as number,
    unauthorized: expect.any(Number) as number,
  });
  expect(counts['connections']).toBeGreaterThan(8);
});

test('every client of a storm gets in', () => {
  expect(resultOf('storm').counts['logins']).toBe(ROUNDS * CONNECTIONS);
});
