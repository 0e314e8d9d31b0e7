import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { step } from './step.mjs';

const POLL_MS = 250;
/** What a rename onto a folder that has something in it says. */
const TAKEN = ['ENOTEMPTY', 'EEXIST'];

/** Does `work` while no other process holds the lock; a lock whose holder is dead, or cannot be told, counts as free. */
export async function withLock(path, work) {
  if (!take(path)) await step(`Wait for another install (${path})`, () => untilTaken(path));
  const release = () => remove(path);
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

/** A folder takes the lock's name with its content, so that no lock is ever without its holder; an empty one gives way. */
function take(path) {
  const draft = `${path}.${process.pid}`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft);
  try {
    writeFileSync(join(draft, 'holder'), JSON.stringify(identity(process.pid)));
    renameSync(draft, path);
    return true;
  } catch (error) {
    if (!TAKEN.includes(error.code)) throw error;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return !isHeld(path) && removeStale(path) && take(path);
}

function isHeld(path) {
  try {
    const { pid, started } = JSON.parse(readFileSync(join(path, 'holder'), 'utf8'));
    return isAlive(pid) && identity(pid).started === started;
  } catch {
    return false; // cut off, or just removed
  }
}

/** Another one may have found it stale as well, been faster, and hold a new one: that is put back. */
function removeStale(path) {
  const aside = setAside(path);
  if (isHeld(aside)) renameSync(aside, path);
  rmSync(aside, { recursive: true, force: true });
  return true;
}

/** Renamed first, so that nobody sees a half-removed lock. */
function remove(path) {
  rmSync(setAside(path), { recursive: true, force: true });
}

function setAside(path) {
  const aside = `${path}.${process.pid}.old`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error; // another one was faster
  }
  return aside;
}

/** A pid goes to another process sooner or later, in a container at the next start; with the start time it is unique. */
function identity(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return { pid, started: stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] };
  } catch {
    return { pid }; // no /proc on this system
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
