import { connectionString } from '../../../libs/store/connection-string.ts';
import { Findings, said, withoutPassword } from './finding.ts';
import { checkClock } from './login.ts';

const TIMEOUT_MS = 5_000;
/** The oldest PostgreSQL, as `server_version_num`. */
const OLDEST = 150_000;

interface Row {
  version: string;
  number: number;
  at: number;
  standby: boolean;
  gateways: string | null;
}

const QUESTION = `
  SELECT current_setting('server_version') AS version, current_setting('server_version_num')::integer AS number,
    extract(epoch FROM clock_timestamp())::float8 * 1000 AS at, pg_is_in_recovery() AS standby,
    coalesce(to_regclass('sixfold.gateways'), to_regclass('gateways'))::text AS gateways`;

/** Connects to the database, and reads what concerns all: nothing of users. */
export async function checkDatabase(address: string): Promise<Findings> {
  const findings = new Findings(`database ${withoutPassword(address)}`);
  const { default: pg } = await import('pg');
  const client = new pg.Client({
    connectionString: connectionString({ DATABASE_URL: address }),
    connectionTimeoutMillis: TIMEOUT_MS,
    query_timeout: TIMEOUT_MS,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const began = Date.now();
    const { rows } = await client.query<Row>(QUESTION);
    if (rows[0]) judge(rows[0], began, Date.now() - began, findings);
  } catch (error) {
    findings.problem(
      `cannot be used (${said(error)})`,
      'Check the address, the user, its password and the database.',
    );
  } finally {
    await client.end().catch(() => undefined);
  }
  return findings;
}

function judge(
  { version, number, at, standby, gateways }: Row,
  began: number,
  took: number,
  findings: Findings,
): void {
  if (number >= OLDEST) findings.ok(`is PostgreSQL ${version}`);
  else findings.problem(`is PostgreSQL ${version}`, 'Upgrade to 15 or newer.');
  if (standby)
    findings.problem('is a standby, and takes no writes', 'Give the services the address of the primary.');
  if (gateways === null)
    findings.problem(
      'has no tables of Sixfold',
      'Start routing or ack once: it makes them, in this database.',
    );
  else findings.ok('has the tables');
  checkClock(at, began, took, findings);
}
