import type { Stack } from './running-stack.ts';

/**
 * Every row of every table that has the name of a user anywhere, as `<table> <row>`. The name must be one that no other
 * name contains.
 */
export async function tracesOf(stack: Stack, user: string): Promise<string[]> {
  const tables = await stack.sql(
    `SELECT table_name AS name FROM information_schema.tables
     WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' ORDER BY table_name`,
  );
  const traces: string[] = [];
  for (const { name } of tables)
    for (const { row } of await stack.sql(
      `SELECT t::text AS row FROM "${String(name)}" t WHERE position($1 IN t::text) > 0`,
      [user],
    ))
      traces.push(`${String(name)} ${String(row)}`);
  return traces;
}
