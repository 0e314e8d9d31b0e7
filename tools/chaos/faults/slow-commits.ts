import { withDatabase } from '../backends.ts';
import { type Begun, long, target, type Targets } from './fault.ts';

/** The tables that hold mailboxes. */
const TABLES = ['offline_messages', 'device_copies'];
/** Share of the inserts into a mailbox whose transaction stays open at its end, and for how long at most, seconds. */
const SHARE = 0.03;
const LONGEST = 0.5;

const BEGIN = `
  CREATE OR REPLACE FUNCTION chaos_slow() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF random() < ${SHARE} THEN PERFORM pg_sleep(random() * ${LONGEST}); END IF;
    RETURN NULL;
  END $$;
  ${TABLES.map(
    (table) => `
  CREATE CONSTRAINT TRIGGER chaos_slow AFTER INSERT ON ${table}
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION chaos_slow();`,
  ).join('')}`;
const END = TABLES.map((table) => `DROP TRIGGER IF EXISTS chaos_slow ON ${table}`).join(';');

/** Commits into mailboxes are slow at random, as on a busy disk: what is stored later may be visible earlier. */
export const slowCommits: Targets = ({ system }) => {
  const run = (text: string) => withDatabase(system, (rows) => rows(text));
  const begin = async (): Promise<Begun> => {
    await run(END);
    await run(BEGIN);
    return ['messages become visible late, and not in order', () => run(END)];
  };
  return [target('postgres', begin, long)];
};
