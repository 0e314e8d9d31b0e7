import type { Stack } from './running-stack.ts';
import { until } from './wait.ts';

/**
 * Waits until a statement in the stack's database waits for a lock. Other stacks share the server, and health checks wait
 * for locks too.
 *
 * @param text which the statement has in its first 1,024 bytes
 */
export async function untilWaiting(stack: Stack, text: string): Promise<void> {
  const waiting = () =>
    stack.sql(
      "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database() AND query LIKE $1",
      [`%${text}%`],
    );
  await until(async () => (await waiting()).length > 0, {
    what: `a statement with “${text}” to wait for a lock`,
  });
}
