import { endLeftovers, sendSignal, untilGone } from './leftovers.ts';
import { supervisorPid } from './lock.ts';
import { processesOfStack } from './process-table.ts';
import { type Report, reported } from './progress.ts';

/** Services, then broker and database, each with its own limit; after this they are killed. */
const ORDERLY_MS = 60_000;

/**
 * Ends the stack of a data directory, also when its supervisor is gone, and returns when nothing of it runs
 * any more: true if something did.
 */
export async function stopStack(dataDir: string, report: Report): Promise<boolean> {
  const pid = supervisorPid(dataDir);
  const found = pid !== undefined || processesOfStack(dataDir).length > 0;
  if (pid !== undefined) await reported(report, 'Stop', () => stopSupervisor(pid));
  await endLeftovers(dataDir, report);
  return found;
}

async function stopSupervisor(pid: number): Promise<void> {
  sendSignal(pid, 'SIGTERM');
  try {
    await untilGone([pid], ORDERLY_MS);
  } catch {
    sendSignal(pid, 'SIGTERM'); // the second one forces
    await untilGone([pid], 10_000);
  }
}
