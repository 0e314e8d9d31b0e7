import type { Storage } from '../storage.ts';

/**
 * The storage of one leadership. A leader that resigned, or that was frozen and wakes up, must write nothing: the next one
 * counts on from what it read.
 */
export interface Fence extends Storage {
  /** Closes the storage: writes under way end, later ones fail. */
  end(): void;
}

export function fence(storage: Storage): Fence {
  let over = false;
  const pass = <T>(call: () => Promise<T>): Promise<T> =>
    over ? Promise.reject(new Error('another tab has taken over')) : call();
  const end = (): Promise<void> => {
    if (over) return Promise.resolve();
    over = true;
    return storage.close();
  };
  return {
    load: (lost) => pass(() => storage.load(lost)),
    write: (changes, durability) => pass(() => storage.write(changes, durability)),
    seen: (names) => pass(() => storage.seen(names)),
    trimSeen: (keep) => pass(() => storage.trimSeen(keep)),
    close: end,
    end: () => void end().catch(() => undefined),
  };
}
