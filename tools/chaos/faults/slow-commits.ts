import pg from 'pg';
import type { Environment } from '../environment.ts';
import { long, type Target } from './fault.ts';

/** Rows that come into a mailbox keep their transaction open for up to so long at its end, seconds. */
const LONGEST = 0.5;
/** Share of the rows that do. */
const SHARE = 0.03;

const BEGIN = `
  CREATE OR REPLACE FUNCTION chaos_slow() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF random() < ${SHARE} THEN PERFORM pg_sleep(random() * ${LONGEST}); END IF;
    RETURN NULL;
  END $$;
  CREATE CONSTRAINT TRIGGER chaos_slow AFTER INSERT ON offline_messages
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION chaos_slow()`;

const END = 'DROP TRIGGER IF EXISTS chaos_slow ON offline_messages';

/**
 * Makes commits into mailboxes slow at random, as a busy disk does: what is stored later may be visible earlier.
 *
 * @returns ends it
 */
async function slowDown(databaseUrl: string): Promise<() => Promise<void>> {
  await run(databaseUrl, END);
  await run(databaseUrl, BEGIN);
  return () => run(databaseUrl, END);
}

async function run(connectionString: string, text: string): Promise<void> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 10_000 });
  client.on('error', () => undefined); // the query fails with it
  await client.connect();
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}

export const slowCommits = ({ databaseUrl }: Environment): Target[] => [
  {
    name: 'postgres',
    hurts: 'postgres',
    strike: async (random) => {
      const lastsMs = long(random);
      const heal = await slowDown(databaseUrl);
      return {
        what: `what is stored becomes visible late, and not in order, for ${lastsMs} ms`,
        lastsMs,
        heal,
      };
    },
  },
];
