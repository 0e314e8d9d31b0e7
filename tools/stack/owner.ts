import { readFileSync } from 'node:fs';
import { startedAt } from './process-table.ts';

/** What we write into a file to say "this is ours": our pid, and when we started. */
export function ownerRecord(): string {
  return JSON.stringify({ pid: process.pid, started: startedAt(process.pid) });
}

/**
 * The pid in an owner file when that very process still runs (false when it does not, also when another
 * process has since been given its pid); undefined when there is no readable owner file.
 */
export function isOwnerRunning(path: string): number | false | undefined {
  try {
    const { pid, started } = JSON.parse(readFileSync(path, 'utf8')) as { pid: number; started: string };
    return startedAt(pid) === started ? pid : false;
  } catch {
    return undefined;
  }
}
