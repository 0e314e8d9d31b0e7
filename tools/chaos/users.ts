/** A user on a device, and what it does. */
export interface ChaosUser {
  user: string;
  device: string;
  /** Number of its client process. */
  process: number;
  /** Whom it writes to, if it writes. */
  to?: string;
  behaviour: Behaviour;
  /** How much more often than others it writes. */
  pace?: number;
}

/** `leaves`: gone for ever after a few messages, replaced by a new user; `absent`: never back after the first seconds. */
export type Behaviour = 'stays' | 'comes-and-goes' | 'leaves' | 'absent';

/** Ten pairs of users have all roles. */
const ROLES: readonly { what: string; sender?: Behaviour; receiver?: Behaviour; devices?: string[] }[] = [
  ...Array.from({ length: 4 }, () => ({ what: 'both send to each other' })),
  ...Array.from({ length: 2 }, () => ({
    what: 'the sender leaves after its msg:A',
    sender: 'leaves' as const,
  })),
  { what: 'the receiver comes and goes', receiver: 'comes-and-goes' },
  { what: 'both come and go', sender: 'comes-and-goes', receiver: 'comes-and-goes' },
  { what: 'the receiver has two devices', devices: ['one', 'two'] },
  { what: 'the mailbox of the receiver fills up', receiver: 'absent' },
];

/** The users of all pairs, spread over the client processes so that a pair does not share one. */
export const usersOf = (pairs: number, processes: number): ChaosUser[] =>
  Array.from({ length: pairs }, (_, n) => {
    const role = n % ROLES.length;
    const { sender = 'stays', receiver = 'stays', devices = ['one'] } = ROLES[role] ?? { what: '' };
    const [a, b] = [`a${n}`, `b${n}`];
    const process = (offset: number) => (n + offset) % processes;
    const pace = receiver === 'absent' ? { pace: 3 } : {};
    const answers = role < 4 ? { to: a } : {};
    return [
      { user: a, device: 'one', process: process(0), to: b, behaviour: sender, ...pace },
      ...devices.map((device, m) => ({
        ...{ user: b, device, process: process(m + 1), behaviour: receiver, ...answers },
      })),
    ];
  }).flat();

/** Whether a user of that name is still there at the end. Those who leave have a new name each time. */
export const isPresentAtEnd = (users: readonly ChaosUser[], user: string): boolean =>
  users.some((one) => one.user === user && (one.behaviour === 'stays' || one.behaviour === 'comes-and-goes'));

/** Users to whom others write, and who have no client. */
export const NEVER_THERE: readonly string[] = ['nobody-1', 'nobody-2', 'nobody-3'];

/** Whom a list of receivers may name. */
export interface Receiver {
  user: string;
  /** Not there, now and then or always. */
  away: boolean;
}

/** All of them; those who leave have a new name each time. */
export const receiversOf = (users: readonly ChaosUser[]): Receiver[] => {
  const known = users.filter(({ behaviour }) => behaviour !== 'leaves');
  const away = new Map(known.map(({ user, behaviour }) => [user, behaviour !== 'stays']));
  for (const user of NEVER_THERE) away.set(user, true);
  return [...away].map(([user, away]) => ({ user, away }));
};
