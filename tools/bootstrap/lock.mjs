import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { step } from './step.mjs';

const POLL_MS = 250;

/** Does `work` while no other process holds the lock; a lock whose holder is dead counts as free. */
export async function withLock(path, work) {
  if (!take(path)) await step(`Wait for another install (${path})`, () => untilTaken(path));
  const release = () => rmSync(path, { recursive: true, force: true });
  process.once('exit', release);
  try {
    await work();
  } finally {
    release();
    process.off('exit', release);
  }
}

async function untilTaken(path) {
  while (!take(path)) await new Promise((done) => setTimeout(done, POLL_MS));
}

/** A folder is created by exactly one of those who try. */
function take(path) {
  try {
    mkdirSync(path);
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    return removeIfStale(path) && take(path);
  }
  writeFileSync(join(path, 'pid'), String(process.pid));
  return true;
}

/** Renames before removing: of several who find it stale, one succeeds. */
function removeIfStale(path) {
  const holder = Number(read(join(path, 'pid')));
  if (!holder || isAlive(holder)) return false;
  const aside = `${path}.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    return true; // another one was faster
  }
  rmSync(aside, { recursive: true, force: true });
  return true;
}

function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // its holder is just writing it, or has just removed it
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
