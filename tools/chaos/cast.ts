/**
 * Who takes part. Every tenth pair of users has the same roles, so that ten pairs have all of them:
 *
 *   0 to 3   both send to each other and stay
 *   4, 5     the sender leaves for good right after its msg:A, and a new one comes in its place
 *   6        the receiver comes and goes
 *   7        both come and go
 *   8        the receiver has two devices
 *   9        the receiver goes away and never comes back; its mailbox fills up
 */
export interface Part {
  user: string;
  device: string;
  /** Which client process it lives in. */
  crew: number;
  /** Whom it writes to, if it writes. */
  to?: string;
  conduct: Conduct;
  /** How much more often than others it writes. */
  pace?: number;
}

/** `leaves`: gone for good after a few messages, replaced by a new user; `absent`: never back after the first seconds. */
export type Conduct = 'stays' | 'comes-and-goes' | 'leaves' | 'absent';

const ROLES = 10;

function pair(n: number, crews: number): Part[] {
  const role = n % ROLES;
  const [a, b] = [`a${n}`, `b${n}`];
  const here = { device: 'one', crew: n % crews };
  const there = { device: 'one', crew: (n + 1) % crews };
  const receiver: Part = { user: b, ...there, conduct: 'stays' };
  const sender: Part = { user: a, ...here, conduct: 'stays', to: b };
  if (role <= 3) return [sender, { ...receiver, to: a }];
  if (role <= 5) return [{ ...sender, conduct: 'leaves' }, receiver];
  if (role === 6) return [sender, { ...receiver, conduct: 'comes-and-goes' }];
  if (role === 7) return [sender, receiver].map((part) => ({ ...part, conduct: 'comes-and-goes' }));
  if (role === 8) return [sender, receiver, { ...receiver, device: 'two', crew: (n + 2) % crews }];
  return [
    { ...sender, pace: 3 },
    { ...receiver, conduct: 'absent' },
  ];
}

/** The parts of `pairs` pairs of users, spread over `crews` client processes so that pairs do not share one. */
export const castOf = (pairs: number, crews: number): Part[] =>
  Array.from({ length: pairs }, (_, n) => pair(n, crews)).flat();

/** Whether somebody of that name is still there at the end: whoever leaves has a name of its own each time. */
export function isPresentAtEnd(cast: readonly Part[], user: string): boolean {
  return cast.some((part) => part.user === user && part.conduct !== 'leaves' && part.conduct !== 'absent');
}
