import { expect, test } from 'vitest';
import { Recording } from './recording.ts';

/** What happens, and what the checker must say of it. */
type Case = [what: string, happens: (run: Recording) => unknown, found: string[]];

/** `a` sends from `a/1` and also has `a/2`; `b` receives on `b/1`. */
const senders = (run: Recording) => run.login('a/1', true).login('a/2', true);
const receivers = (run: Recording) => run.login('b/1', true).login('b/2', true);
/** On its way to all devices of the sender and the receiver. */
const delivered = (run: Recording) => senders(run).send().deliver().tell('delivered', 'a/2');
const own = { key: 's1', to: 'b' };
const dropped = (run: Recording) => receivers(run).send('a/1', 'm1', { ttl: 1 }).deliver().pause(100_000);
const missed = (run: Recording, count: number, told = count) =>
  run
    .packet('b/2', 'in', 'offline:N', { messages: [], receipts: [], missed: { key: 'x1', count } })
    .note('b/2', { is: 'missed', count: told })
    .packet('b/2', 'out', 'offline:A', { keys: ['x1'] });

const COPIES: Case[] = [
  ['all devices get a message', (run) => receivers(run).send().deliver().arrive('b/2', { key: 'c1' }), []],
  ['all devices of the sender get it', (run) => delivered(run).arrive('a/2', own), []],
  [
    'a device does not get its copy',
    (run) => receivers(run).send().deliver(),
    ['G1 a synced device never got its copy: b/2'],
  ],
  [
    'a device does not get what another one sent',
    (run) => delivered(run),
    ['G1 a/2 never got what another device of its user sent'],
  ],
  [
    'a copy stays in a mailbox',
    (run) =>
      receivers(run)
        .send()
        .deliver()
        .copies.set('b a m1', new Map([['b/2', Infinity]])),
    ['G1 left lying in the mailbox of b/2'],
  ],
  [
    'a copy comes back to the device that sent it',
    (run) =>
      delivered(run)
        .arrive('a/2', own)
        .arrive('a/1', { ...own, key: 's2' }, false),
    ['G5 a copy of what a/1 sent came back to it'],
  ],
  [
    'a copy of what was sent comes to a device that is not a synced one',
    (run) =>
      delivered(run)
        .arrive('a/2', own)
        .arrive('a/3', { ...own, key: 's2' }, false),
    ['G5 a copy of what a/1 sent came to a/3'],
  ],
  [
    'a copy of what was sent is changed',
    (run) => delivered(run).arrive('a/2', own, false).hand('a/2', { intact: false, own: true }),
    ['G5 a copy of what another device sent was changed'],
  ],
  [
    'a copy of what was sent comes twice',
    (run) => delivered(run).arrive('a/2', own).hand('a/2', { own: true }),
    ['G2 what another device sent was handed to a/2 twice'],
  ],
  [
    'a device reads the mailbox of another one',
    (run) => receivers(run).send().deliver().arrive('b/2', { key: 'c1' }).arrive('b/1', { key: 'c1' }, false),
    ["G5 an entry of one device's mailbox came to b/2 and b/1"],
  ],
  [
    'a login does not say that the device is a synced one',
    (run) => run.login('a/1', true).login('a/1', false, 2),
    ['G3 login:A does not say that a/1 is a synced device'],
  ],
];

const RECEIPTS: Case[] = [
  [
    'a receipt does not reach every device',
    (run) => senders(run).send().deliver().arrive('a/2', own),
    ['G3 a receipt is missing on the synced device a/2: it was told nothing, another delivered'],
  ],
  [
    'a receipt waits in the mailbox of a device',
    (run) =>
      senders(run)
        .send()
        .deliver()
        .arrive('a/2', own)
        .deviceReceipts.set('a b m1', new Map([['a/2', { state: 'delivered', reason: undefined, at: 1 }]])),
    [],
  ],
  [
    'an application on another device is not told',
    (run) => senders(run).send().deliver().arrive('a/2', own).tell('delivered', 'a/2', { told: false }),
    ['G3 the application on a/2 was told nothing, and the wire said delivered'],
  ],
];

const MISSED: Case[] = [
  ['a device is told that it missed a copy', (run) => missed(dropped(run), 1), []],
  [
    'a device is not told that it missed a copy',
    (run) => dropped(run),
    ['G6 missed, and not told: b/2 did not get 1 copies (1 expired, 0 did not), and the server counted 0'],
  ],
  [
    'a device is told of more than it missed',
    (run) => missed(dropped(run), 5),
    ['G6 told of more than it missed: b/2 did not get 1 copies (at most 1), and the server counted 5'],
  ],
  [
    'an application is told of less than its device',
    (run) => missed(dropped(run), 1, 0),
    ['G6 the application of b/2 was told that it missed 0, and confirmed 1'],
  ],
  [
    'a count changes',
    (run) => missed(missed(dropped(run), 2), 1),
    ['G3 b/2 was told that it missed 2, and then 1'],
  ],
];

const ROWS: Case[] = [
  [
    'a message in a mailbox that nobody sent',
    (run) => run.mailbox.set('b a m1', Infinity),
    ['G6 1 messages in mailboxes, and clients know of 0'],
  ],
  [
    'rows that nothing deletes',
    (run) => (run.server.stranded = 3),
    ['G6 3 messages or copies of synced devices that nothing will delete'],
  ],
  [
    'a copy for a device that is not a synced one',
    (run) =>
      run
        .send()
        .deliver()
        .copies.set('b a m1', new Map([['b/1', Infinity]])),
    ['G5 a copy in the mailbox of b/1 that is not for it'],
  ],
];

test.for([...COPIES, ...RECEIPTS, ...MISSED, ...ROWS])('%s', ([, happens, found]) => {
  const run = new Recording();
  happens(run);
  expect(run.violations()).toEqual(found);
});
