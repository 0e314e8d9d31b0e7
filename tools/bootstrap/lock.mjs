import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { startedAt } from './process.mjs';
import { step } from './step.mjs';

const POLL_MS = 250;

/** Does `work` while no other process holds the lock. */
export async function withLock(path, work) {
  const untilTaken = async () => {
    while (!take(path)) await new Promise((done) => setTimeout(done, POLL_MS));
  };
  if (!take(path)) await step(`Wait for another install (${path})`, untilTaken);
  const free = () => release(path);
  process.once('exit', free);
  try {
    await work();
  } finally {
    free();
    process.off('exit', free);
  }
}

/** Takes the lock for this process. False when it is held; one whose holder is dead, or cannot be told, counts as free. */
export function take(path) {
  const draft = `${path}.${process.pid}`;
  mkdirSync(dirname(path), { recursive: true });
  try {
    writeFileSync(draft, record());
    // A link appears with its content or not at all, unlike a file that is created and then written.
    while (!link(draft, path)) if (holder(path) !== undefined || !removeStale(path)) return false;
    return true;
  } finally {
    rmSync(draft, { force: true });
  }
}

export function release(path) {
  rmSync(path, { recursive: true, force: true });
}

/** What says "this is ours": our pid, and when we started, since a pid goes to another process sooner or later. */
export const record = () => JSON.stringify({ pid: process.pid, started: startedAt(process.pid) });

/** Pid of the running process that wrote the record in a file; undefined when it has ended, or the file is not whole. */
export function holder(path) {
  try {
    const { pid, started } = JSON.parse(readFileSync(path, 'utf8'));
    return startedAt(pid) === started ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** Another one may have found it stale as well, been faster, and hold a new one: that is put back. */
function removeStale(path) {
  const aside = `${path}.${process.pid}.old`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (error.code === 'ENOENT') return true; // another one was faster
    throw error;
  }
  const isStale = holder(aside) === undefined || !link(aside, path);
  release(aside);
  return isStale;
}

function link(from, to) {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}
