import { existsSync, statfsSync } from 'node:fs';
import { join } from 'node:path';

/** Below this much free disk space the private broker takes nothing from publishers, so that no service gets ready. */
export const BROKER_NEEDS_MB = 100;
/** What database, broker and logs take at their first start. */
const FIRST_START_MB = 100;

const MB = 1_000_000;

/** @throws Error with what to do when there is too little room for a broker with its data in `dataDir` */
export function checkRoom(dataDir: string, freeBytes = freeIn): void {
  const isFirst = !existsSync(join(dataDir, 'postgres/cluster'));
  const needed = BROKER_NEEDS_MB + (isFirst ? FIRST_START_MB : 0);
  const free = Math.floor(freeBytes(dataDir) / MB);
  if (free >= needed) return;
  throw new Error(
    `The disk of ${dataDir} is full: ${free} MB are free, and RabbitMQ and PostgreSQL need ${needed} MB to work. ` +
      'Make room, or put the data elsewhere: npm start -- --data DIR',
  );
}

function freeIn(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}
