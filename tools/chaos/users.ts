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
export interface ChaosUser {
  user: string;
  device: string;
  /** Which client process it lives in. */
  clientProcess: number;
  /** Whom it writes to, if it writes. */
  to?: string;
  behaviour: Behaviour;
  /** How much more often than others it writes. */
  pace?: number;
}

/** `leaves`: gone for good after a few messages, replaced by a new user; `absent`: never back after the first seconds. */
export type Behaviour = 'stays' | 'comes-and-goes' | 'leaves' | 'absent';

const ROLES = 10;

function pair(n: number, clientProcesses: number): ChaosUser[] {
  const role = n % ROLES;
  const [a, b] = [`a${n}`, `b${n}`];
  const here = { device: 'one', clientProcess: n % clientProcesses };
  const there = { device: 'one', clientProcess: (n + 1) % clientProcesses };
  const receiver: ChaosUser = { user: b, ...there, behaviour: 'stays' };
  const sender: ChaosUser = { user: a, ...here, behaviour: 'stays', to: b };
  if (role <= 3) return [sender, { ...receiver, to: a }];
  if (role <= 5) return [{ ...sender, behaviour: 'leaves' }, receiver];
  if (role === 6) return [sender, { ...receiver, behaviour: 'comes-and-goes' }];
  if (role === 7) return [sender, receiver].map((part) => ({ ...part, behaviour: 'comes-and-goes' }));
  if (role === 8)
    return [sender, receiver, { ...receiver, device: 'two', clientProcess: (n + 2) % clientProcesses }];
  return [
    { ...sender, pace: 3 },
    { ...receiver, behaviour: 'absent' },
  ];
}

/** The parts of `pairs` pairs of users, spread over `clientProcesses` client processes so that pairs do not share one. */
export const usersOf = (pairs: number, clientProcesses: number): ChaosUser[] =>
  Array.from({ length: pairs }, (_, n) => pair(n, clientProcesses)).flat();

/** Whether somebody of that name is still there at the end: whoever leaves has a name of its own each time. */
export function isPresentAtEnd(users: readonly ChaosUser[], user: string): boolean {
  return users.some(
    (part) => part.user === user && part.behaviour !== 'leaves' && part.behaviour !== 'absent',
  );
}
