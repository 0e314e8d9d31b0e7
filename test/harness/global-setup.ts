import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { holder, record } from '../../tools/bootstrap/lock.mjs';
import { killStack, unmountBelow } from '../../tools/stack/leftovers.ts';
import { untilGone } from '../../tools/stack/processes.ts';
import { writeWholeFile } from '../../tools/stack/whole-file.ts';
import type { Addresses } from '../../tools/testkit/backends.ts';
import { DATA, FOLDER_PREFIX, startInfrastructure, temporaryFolder } from './infrastructure.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The broker and the database that all test files share. */
    infrastructure: Addresses;
  }
}

const OWNER_FILE = 'owner';

/**
 * One broker and one database for the whole run, in a temporary folder. Whatever way the run ends, every
 * process that carries the folder's mark (also the services of test files) is gone afterwards; after a
 * kill -9 the next run clears up.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await removeAbandoned();
  const dataDir = await temporaryFolder();
  writeWholeFile(join(dataDir, OWNER_FILE), record());
  const clearUp = () => {
    killStack(dataDir, { below: true });
    unmountBelow(dataDir);
    rmSync(dataDir, { recursive: true, force: true, maxRetries: 3 });
  };
  process.once('exit', clearUp);
  const onSignal = (signal: NodeJS.Signals) => process.exit(signal === 'SIGINT' ? 130 : 143);
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);

  const infrastructure = await startInfrastructure(dataDir, { metrics: true });
  project.provide('infrastructure', infrastructure.addresses);
  return async () => {
    const failures = await infrastructure.stop();
    const left = killStack(dataDir, { below: true });
    await untilGone(left, 5_000);
    clearUp();
    process.off('exit', clearUp).off('SIGINT', onSignal).off('SIGTERM', onSignal);
    if (failures.length > 0) throw new Error(failures.join('\n'));
    if (left.length > 0)
      throw new Error(`tests left ${left.length} processes running (now killed): ${left.join(', ')}`);
  };
}

/** Ends what a run that was killed left behind. */
async function removeAbandoned(): Promise<void> {
  for (const name of readdirSync(DATA).filter((entry) => entry.startsWith(FOLDER_PREFIX))) {
    const folder = join(DATA, name);
    const owner = join(folder, OWNER_FILE);
    if (!existsSync(owner) || holder(owner) !== undefined) continue;
    await untilGone(killStack(folder, { below: true }), 5_000);
    unmountBelow(folder);
    rmSync(folder, { recursive: true, force: true });
  }
}
