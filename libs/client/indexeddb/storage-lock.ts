/// <reference lib="dom" />
import { idMaker } from '../ids.ts';
import { StorageError } from './storage-error.ts';

/**
 * How long a page waits for the one that has the storage, milliseconds: a page that is loaded again comes before the browser
 * has ended its predecessor, and a service worker has it for the time of a fetch.
 */
const PATIENCE_MS = 5_000;

/** How long a page has for the answer that it has the storage, where there are no Web Locks, milliseconds. */
const ANSWER_MS = 500;

type Release = () => void;

/**
 * Makes sure that a storage serves one client at a time in the whole browser. The browser releases a Web Lock when its page
 * is closed or crashes. Where there are none (an insecure page, an old browser), pages ask each other.
 *
 * @throws StorageError `in_use`, or `unavailable` where a page cannot find out
 */
export async function lockStorage(name: string, patienceMs = PATIENCE_MS): Promise<Release> {
  const key = `sixfold:${name}`;
  const { locks } = navigator as Partial<Pick<Navigator, 'locks'>>;
  if (locks) return webLock(locks, key, patienceMs);
  if (typeof BroadcastChannel === 'function') return askOthers(key);
  throw new StorageError('unavailable', 'this browser has neither Web Locks nor BroadcastChannel');
}

const inUse = (key: string) => new StorageError('in_use', `another tab uses the storage ${key}`);

function webLock(locks: LockManager, key: string, patienceMs: number): Promise<Release> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(patienceMs);
    const held = locks.request(key, { signal }, () => new Promise<void>((release) => resolve(release)));
    held.catch((cause: unknown) => {
      const { name = '' } = cause as Partial<Error>;
      const timeout = name === 'TimeoutError' || name === 'AbortError';
      reject(timeout ? inUse(key) : new StorageError('unavailable', 'Web Locks failed', cause));
    });
  });
}

/** Of pages that ask at the same time, the one with the greater id gives way. */
function askOthers(key: string): Promise<Release> {
  const channel = new BroadcastChannel(key);
  const me = idMaker()();
  let mine = false;
  return new Promise((resolve, reject) => {
    const patience = setTimeout(() => {
      mine = true;
      resolve(() => channel.close());
    }, ANSWER_MS);
    channel.onmessage = ({ data: { asks, has } }: MessageEvent<{ asks?: string; has?: string }>) => {
      if (mine) {
        if (asks !== undefined) channel.postMessage({ has: me });
      } else if (has !== undefined || (asks ?? '') < me) {
        clearTimeout(patience);
        channel.close();
        reject(inUse(key));
      } else channel.postMessage({ asks: me }); // the other one may have come after the first time
    };
    channel.postMessage({ asks: me });
  });
}
