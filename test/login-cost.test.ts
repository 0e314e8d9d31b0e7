import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectAs } from './harness/raw-client.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';

/** What a login costs must not grow with the users who are connected already. */

const OTHERS = 20_000;
/** Enough that the sweeps of routing, which read them all, do not matter. */
const LOGINS = 60;
/** PostgreSQL makes the plan of a prepared statement at its first executions, when the table is small. */
const BEFORE = 10;

let stack: Stack;

beforeAll(async () => {
  // Renewed leases compare sessions.
  stack = await startStack({ gateways: 1, env: { GATEWAY_LEASE_MS: '60000' } });
});

afterAll(() => stack.stop());

async function comeAndGo(count: number, name: string): Promise<void> {
  for (let n = 0; n < count; n++) {
    const client = await connectAs(stack, stack.gateways[0], `${name}-${n}`);
    await client.close();
  }
}

/** Reads of the table of sessions so far; a server process of the database tells them within a few seconds. */
async function reads(): Promise<{ rows: number; scans: number }> {
  const [row] = await stack.sql(
    "SELECT seq_tup_read AS rows, idx_scan AS scans FROM pg_stat_user_tables WHERE relname = 'sessions'",
  );
  return { rows: Number(row?.['rows']), scans: Number(row?.['scans']) };
}

test('logins and logouts do not read the sessions of others', async () => {
  await comeAndGo(BEFORE, 'before');
  await stack.sql(
    "INSERT INTO sessions SELECT 'other-' || n, 'default', 'session-' || n, 'gateway', 0 FROM generate_series(1, $1::integer) AS n",
    [OTHERS],
  );
  const before = await reads();
  await comeAndGo(LOGINS, 'after');
  const told = async () => (await reads()).scans >= before.scans + LOGINS;
  await until(told, { what: 'the database to tell its reads', timeoutMs: 60_000 });
  expect((await reads()).rows - before.rows).toBeLessThan((LOGINS / 2) * OTHERS);
});
