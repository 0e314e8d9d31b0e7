/** A user on a device, and what it does. */
export interface ChaosUser {
  user: string;
  device: string;
  /** It is a synced device. */
  sync?: true;
  /** It has several tabs, which share one connection. */
  tabs?: true;
  /** Number of its client process. */
  process: number;
  /** Whom it writes to, if it writes. */
  to?: string;
  behaviour: Behaviour;
  /** How much more often than others it writes. */
  pace?: number;
  /** Not a client, but a back end that sends as this user over HTTP: each message alone, or NDJSON. */
  http?: 'single' | 'batch';
}

/**
 * `leaves`: gone for ever after a few messages, replaced by a new user; `absent`: never back after the first seconds;
 * `returns`: away after the first seconds, and back at the end.
 */
export type Behaviour = 'stays' | 'comes-and-goes' | 'leaves' | 'absent' | 'returns';

type Device = Pick<ChaosUser, 'device' | 'sync' | 'behaviour'>;

const plain = (behaviour: Behaviour, device = 'one'): Device => ({ device, behaviour });
const synced = (behaviour: Behaviour, device = 'one'): Device => ({ device, behaviour, sync: true });

interface Role {
  what: string;
  senders?: readonly Device[];
  receivers?: readonly Device[];
  /** The receiver writes back, on all of its devices. */
  answers?: boolean;
  /** How much more often than others the sender writes. */
  pace?: number;
}

/** Ten pairs of users have all roles. */
const ROLES: readonly Role[] = [
  { what: 'both send to each other', answers: true },
  {
    what: 'both send to each other, one from two synced devices',
    senders: [synced('stays'), synced('stays', 'two')],
    answers: true,
  },
  {
    what: 'both send to each other, from synced devices and from one that is not',
    senders: [synced('stays')],
    receivers: [synced('stays'), plain('stays', 'two')],
    answers: true,
  },
  { what: 'the receiver has two devices', receivers: [plain('stays'), plain('stays', 'two')] },
  { what: 'the sender leaves after its msg:A', senders: [plain('leaves')] },
  {
    what: 'the sender leaves; one of two synced devices of the receiver comes and goes',
    senders: [plain('leaves')],
    receivers: [synced('stays'), synced('comes-and-goes', 'two')],
  },
  {
    what: 'two synced devices of the receiver, and one that is not, come and go',
    receivers: [synced('comes-and-goes'), synced('comes-and-goes', 'two'), plain('comes-and-goes', 'three')],
  },
  {
    what: 'both come and go, the sender on two synced devices',
    senders: [synced('comes-and-goes'), synced('comes-and-goes', 'two')],
    receivers: [plain('comes-and-goes')],
  },
  {
    what: 'the mailbox of one synced device of the receiver fills up, until it returns',
    receivers: [synced('stays'), synced('returns', 'two')],
    pace: 3,
  },
  { what: 'the mailbox of the receiver fills up', receivers: [plain('absent')], pace: 3 },
];

const ONE: readonly Device[] = [plain('stays')];

/** The users of all pairs, spread over the client processes so that a pair does not share one. */
export const usersOf = (pairs: number, processes: number): ChaosUser[] =>
  Array.from({ length: pairs }, (_, n) => {
    const role = ROLES[n % ROLES.length];
    const { senders = ONE, receivers = ONE, answers = false, pace } = role ?? { what: '' };
    const [a, b] = [`a${n}`, `b${n}`];
    const process = (offset: number) => (n + offset) % processes;
    return [
      ...senders.map((one, m) => ({
        ...{ user: a, ...one, process: process(m), to: b },
        ...(pace !== undefined && { pace }),
      })),
      ...receivers.map((one, m) => ({
        ...{ user: b, ...one, process: process(m + 1), ...(answers && { to: a }) },
      })),
    ];
  }).flat();

/**
 * The users of each browser, one with a single tab and one with several, and those on Node whom they write with. Browsers come
 * after the client processes.
 */
export const browserUsersOf = (browsers: number, processes: number): ChaosUser[] =>
  Array.from({ length: browsers }, (_, n) => [
    { user: `w${n}`, ...plain('stays'), process: processes + n, to: `x${n}` },
    { user: `x${n}`, ...plain('stays'), process: n % processes, to: `w${n}` },
    { user: `t${n}`, ...plain('stays'), tabs: true as const, process: processes + n, to: `y${n}` },
    { user: `y${n}`, ...plain('stays'), process: n % processes, to: `t${n}` },
  ]).flat();

/** In place of the device, for what a back end sends. */
export const HTTP_DEVICE = 'http';

/** Users for whom back ends send, to anybody. One comes now and then for its receipts, the other one has a synced device. */
export const backEndsOf = (processes: number): ChaosUser[] => [
  { user: 'h0', device: HTTP_DEVICE, http: 'single', process: 0, to: 'anybody', behaviour: 'stays', pace: 2 },
  { user: 'h0', ...plain('comes-and-goes'), process: 1 % processes },
  {
    user: 'h1',
    device: HTTP_DEVICE,
    http: 'batch',
    process: 1 % processes,
    to: 'anybody',
    behaviour: 'stays',
    pace: 2,
  },
  { user: 'h1', ...synced('stays'), process: 0 },
];

/** Whether a device of that behaviour is there at the end. */
export const staysToTheEnd = ({ behaviour }: Pick<ChaosUser, 'behaviour'>): boolean =>
  behaviour !== 'leaves' && behaviour !== 'absent';

/** Whether a user of that name is still there at the end. Those who leave have a new name each time. */
export const isPresentAtEnd = (users: readonly ChaosUser[], user: string): boolean =>
  users.some((one) => one.user === user && staysToTheEnd(one));

/** Users who are connected all the time, on all of their devices, as far as it is up to them. */
export const steadyUsers = (users: readonly ChaosUser[]): Set<string> =>
  new Set(
    users.flatMap(({ user }) =>
      users.every((one) => one.user !== user || one.behaviour === 'stays') ? [user] : [],
    ),
  );

/** Users to whom others write, and who have no client. */
export const NEVER_THERE: readonly string[] = ['nobody-1', 'nobody-2', 'nobody-3'];

/** Whom a list of receivers may name. */
export interface Receiver {
  user: string;
  /** A device of this user is not there, now and then or always. */
  away: boolean;
}

/** All of them; those who leave have a new name each time. */
export const receiversOf = (users: readonly ChaosUser[]): Receiver[] => {
  const steady = steadyUsers(users);
  const known = users.filter(({ behaviour }) => behaviour !== 'leaves').map(({ user }) => user);
  return [
    ...[...new Set(known)].map((user) => ({ user, away: !steady.has(user) })),
    ...NEVER_THERE.map((user) => ({ user, away: true })),
  ];
};
