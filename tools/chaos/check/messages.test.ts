import { expect, test } from 'vitest';
import { Recording } from './recording.ts';

/** What happens, and what the checker must say of it. */
type Case = [what: string, happens: (run: Recording) => unknown, found: string[]];

const wait = (run: Recording, until = Infinity) => run.mailbox.set('b a m1', until);
const expired = { reason: 'expired' };
const LOST = 'G1 accepted, and neither delivered, nor rejected, nor in the mailbox';
const BACK = 'G3 a state stepped back: the application was told';

const FATES: Case[] = [
  ['a message is delivered', (run) => run.send().deliver(), []],
  [
    'a message waits, and its sender knows',
    (run) => wait(run.send().note('b/1', { is: 'left' }).tell('stored')),
    [],
  ],
  ['a message is lost', (run) => run.send(), [LOST]],
  [
    'one receiver of a list gets nothing',
    (run) => run.send('a/1', 'm1', { to: ['b', 'c'] }).deliver(),
    [`${LOST}, as one of a list`],
  ],
  ['a message over HTTP is lost', (run) => run.send('a/http'), [`${LOST}, sent over HTTP`]],
  [
    'no application gets a delivered message',
    (run) => run.send().arrive('b/1', {}, false).confirm().tell('delivered'),
    ['G1 its sender was told delivered, and no application has it'],
  ],
  [
    'a message stays in the mailbox of a receiver who is there',
    (run) => wait(run.send().tell('stored')),
    ['G1 left lying in the mailbox of a receiver who is connected'],
  ],
  ['an application gets a message twice', (run) => run.send().deliver().hand(), ['G2 handed to b/1 twice']],
  [
    'an application gets a message changed',
    (run) => run.send().arrive('b/1', {}, false).hand('b/1', { intact: false }).confirm().tell('delivered'),
    ['G5 handed on changed, or to somebody else'],
  ],
];

/** The next run of the sender's program hears `stored`. */
const toldLater = (run: Recording) =>
  run.note('a/1', { is: 'told', id: 'm1', to: 'b', state: 'stored', late: true, opened: 2 });

const TRUTH: Case[] = [
  [
    'a client does not tell its application',
    (run) => run.send().arrive().confirm().tell('delivered', 'a/1', { told: false }),
    ['G3 the application was told nothing, and the wire said delivered'],
  ],
  [
    'delivered before a confirmation',
    (run) => run.send().arrive().tell('delivered').confirm(),
    ['G3 delivered, says the server, and no device had confirmed it'],
  ],
  [
    'the sender does not hear that its message waits',
    (run) => wait(run.send().note('b/1', { is: 'left' })),
    ['G3 its sender was told nothing, and it is in the mailbox'],
  ],
  [
    'the sender does not hear that its message was delivered',
    (run) => run.send().tell('stored').arrive().confirm(),
    ['G3 its sender was told stored, and it is delivered'],
  ],
  ['a state steps back', (run) => run.send().deliver().tell('stored'), [`${BACK} delivered, stored`]],
  [
    'a state steps back in a later run that sent nothing again',
    (run) => toldLater(run.send().deliver()),
    [`${BACK} delivered, stored`],
  ],
  [
    'a program that was killed sends again, and that copy waits',
    (run) =>
      toldLater(
        run
          .send()
          .deliver()
          .packet('a/1', 'out', 'msg:R', { id: 'm1', to: ['b'] }),
      ),
    [],
  ],
  [
    'a state follows rejected',
    (run) =>
      run
        .send('a/1', 'm1', { ttl: 1 })
        .arrive()
        .confirm()
        .pause(1_000)
        .tell('rejected', 'a/1', expired)
        .tell('read'),
    [`${BACK} rejected, read`, 'G3 read, says the server, and no device of the receiver had said so'],
  ],
  [
    'a state steps back on another device',
    (run) => run.send().deliver().tell('delivered', 'a/2').tell('stored', 'a/2'),
    ['G3 a state stepped back on another device: it was told delivered, stored'],
  ],
];

const full = (run: Recording) => run.note('b/1', { is: 'left' }).held.set('b', 100);

const REJECTIONS: Case[] = [
  ['a mailbox is full', (run) => full(run.send().tell('rejected', 'a/1', { reason: 'mailbox_full' })), []],
  [
    'a rejected message is handed out',
    (run) => full(run.send().arrive().tell('rejected', 'a/1', { reason: 'mailbox_full' })),
    ['G3 rejected, and delivered all the same'],
  ],
  [
    'a message is rejected, and there is room',
    (run) => run.send().tell('rejected', 'a/1', { reason: 'mailbox_full' }),
    ['G3 rejected, and the mailbox of its receiver was not full'],
  ],
  [
    'a message expires',
    (run) => run.send('a/1', 'm1', { ttl: 3 }).pause(3_000).tell('rejected', 'a/1', expired),
    [],
  ],
  [
    'a message without ttl expires',
    (run) => run.send().tell('rejected', 'a/1', expired),
    ['G3 rejected as expired, and it had no ttl'],
  ],
  [
    'a message expires too early',
    (run) => run.send('a/1', 'm1', { ttl: 3 }).pause(2_000).tell('rejected', 'a/1', expired),
    ['G3 rejected as expired before its time was over'],
  ],
  [
    'a message is handed out after its time',
    (run) =>
      run
        .send('a/1', 'm1', { ttl: 3 })
        .arrive('b/1', { at: run.t - 5_000 })
        .confirm()
        .tell('delivered'),
    ['G3 handed out after its time was over'],
  ],
  [
    'nobody is told for two minutes that a message expired',
    (run) => wait(run.send('a/1', 'm1', { ttl: 3 }).tell('stored').pause(130_000), run.t - 125_000),
    ['G6 its time is over for long, and its sender has not been told'],
  ],
];

const seen = (run: Recording, proof = 'p', type = 'out') =>
  run.packet('b/1', type === 'out' ? 'out' : 'in', `read:${type === 'out' ? 'R' : 'A'}`, {
    items: [{ from: 'a', id: 'm1', read: proof }],
  });
const shown = (run: Recording, read = 'p') =>
  run.send('a/1', 'm1', { read: true }).arrive('b/1', { read }).confirm().tell('delivered');

const READING: Case[] = [
  ['a message is read', (run) => seen(seen(shown(run)), 'p', 'in').tell('read'), []],
  [
    'the server takes any proof',
    (run) => seen(shown(run), 'made up').tell('read'),
    ['G3 read, says the server, by a proof that it never gave out'],
  ],
  [
    'the server says read by itself',
    (run) => shown(run).tell('read'),
    ['G3 read, says the server, and no device of the receiver had said so'],
  ],
  [
    'a read receipt is lost',
    (run) => seen(seen(shown(run)), 'p', 'in'),
    ['G3 marked as read, accepted with read:A, and its sender does not know'],
  ],
  [
    'a message asks for a read receipt by itself',
    (run) => run.send().arrive('b/1', { read: 'p' }).confirm().tell('delivered'),
    ['G5 asked for a read receipt that its sender did not ask for'],
  ],
  [
    'a message has two proofs',
    (run) => shown(run).arrive('b/2', { read: 'q' }),
    ['G5 came with two different proofs'],
  ],
];

test.for([...FATES, ...TRUTH, ...REJECTIONS, ...READING])('%s', ([, happens, found]) => {
  const run = new Recording();
  happens(run);
  expect(run.violations()).toEqual(found);
});
