/** More tabs than these share the last number. */
const MOST = 9;

/**
 * A number for this tab, the lowest that no other tab has, from 1. Each has people and devices of its own, so that two tabs
 * are like two computers. The number is free again when the tab is closed.
 */
export async function takeRoom(): Promise<number> {
  if (!('locks' in navigator)) return 1; // not a secure page: every tab is the first
  for (let room = 1; room < MOST; room++) if (await take(`sixfold-demo-room-${room}`)) return room;
  return MOST;
}

/** Takes a lock for as long as the page lives. @returns whether it was free */
const take = (name: string): Promise<boolean> =>
  new Promise((resolve) => {
    void navigator.locks.request(name, { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      return lock === null ? undefined : new Promise(() => undefined);
    });
  });
