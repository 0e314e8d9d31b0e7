import { expect, test } from 'vitest';
import { Recording } from './recording.ts';

/** What happens, and what the checker must say of it. */
type Case = [what: string, happens: (run: Recording) => unknown, found: string[]];

/** Delivered, and a back end heard of it. */
const heard = (run: Recording) => run.send().deliver().hear('accepted').hear('delivered');
const rejected = (run: Recording, reason: string, ttl?: number) =>
  run
    .send('a/1', 'm1', ttl === undefined ? {} : { ttl })
    .pause(1_000)
    .tell('rejected', 'a/1', { reason: 'expired' })
    .hear('accepted')
    .hear('rejected', { reason });

const MESSAGES: Case[] = [
  ['every state comes as an event, and one twice', (run) => heard(run).hear('delivered'), []],
  [
    'an event is lost',
    (run) => run.send().deliver().hear('accepted'),
    ['events message.delivered never came'],
  ],
  [
    'nobody hears that a message waits',
    (run) => run.send().note('b/1', { is: 'left' }).hear('accepted').mailbox.set('b a m1', Infinity),
    ['G3 its sender was told nothing, and it is in the mailbox', 'events message.stored never came'],
  ],
  [
    'an event was not taken',
    (run) => heard(run).seen?.forEach((one) => (one.taken = false)),
    ['events message.delivered never came', 'events message.accepted never came'],
  ],
  [
    'an event of a message that its client still has',
    (run) => run.note('a/1', { is: 'sent', id: 'm1', to: ['b'] }).hear('accepted'),
    ['events an event of a message that never left its client'],
  ],
  [
    'delivered is invented',
    (run) => run.send().arrive().tell('stored').hear('accepted').hear('stored').hear('delivered'),
    [
      'G3 its sender was told stored, and it is delivered',
      'events message.delivered, and no device had confirmed it',
    ],
  ],
  [
    'read is invented',
    (run) => heard(run).hear('read'),
    ['events message.read, and no device of the receiver had said so'],
  ],
  [
    'expired is invented',
    (run) => rejected(run, 'expired'),
    ['G3 rejected as expired, and it had no ttl', 'events message.rejected as expired, and it had no ttl'],
  ],
  ['a message expires', (run) => rejected(run, 'expired', 1), []],
  [
    'rejected is invented',
    (run) => heard(run).hear('rejected', { reason: 'mailbox_full' }),
    ['events message.rejected, and delivered all the same'],
  ],
  ['stored is invented', (run) => heard(run).hear('stored'), ['events message.stored, and it never waited']],
  [
    'a message was stored since its receiver did not answer in time',
    (run) =>
      run
        .send()
        .arrive()
        .pause(1_000)
        .confirm()
        .tell('delivered')
        .hear('accepted')
        .hear('stored')
        .hear('delivered'),
    [],
  ],
  [
    'a message was stored since its receiver had not answered an earlier one',
    (run) => {
      run.send('a/1', 'm0').arrive('b/1', { id: 'm0' }).pause(1_000);
      heard(run).hear('stored').confirm('b/1', 'm0').tell('delivered', 'a/1', { id: 'm0' });
      run.hear('accepted', { id: 'm0' }).hear('delivered', { id: 'm0' });
    },
    [],
  ],
  [
    'a message is invented',
    (run) => heard(run).hear('accepted', { id: 'm2' }),
    ['events an event of a message that nobody sent: a m2 b'],
  ],
  [
    'a fact has a new name when it comes again',
    (run) => heard(run).hear('delivered', { event: 'new' }),
    ['events one fact with several names: message.delivered a m1 b'],
  ],
  [
    'two facts have one name',
    (run) => run.send().deliver().hear('accepted', { event: 'x' }).hear('delivered', { event: 'x' }),
    ['events several facts with one name: x'],
  ],
];

const ended = (run: Recording) =>
  run.login('a/1').pause(5_000).note('a/1', { is: 'closed', connection: 1, code: 1000 });

const SESSIONS: Case[] = [
  ['a session comes and goes', (run) => ended(run).hearSession('up', 'u').hearSession('down', 'd'), []],
  ['a session begins unheard', (run) => (ended(run).seen = []), ['events 1 logins of a/1, and 0 session.up']],
  [
    'a session is invented',
    (run) => run.hearSession('up', 'u').hearSession('down', 'd'),
    ['events 0 logins of a/1, and 1 session.up: invented'],
  ],
  [
    'a session ends unheard',
    (run) => ended(run).hearSession('up', 'u'),
    ['events session.down never came 1 times for a/1, of 1 session.up'],
  ],
  [
    'a session ends twice',
    (run) => ended(run).hearSession('up', 'u').hearSession('down', 'd').hearSession('down', 'e'),
    ['events session.down came 1 times too often for a/1, of 1 session.up'],
  ],
];

test.for([...MESSAGES, ...SESSIONS])('%s', ([, happens, found]) => {
  const run = new Recording();
  happens(run);
  expect(run.violations()).toEqual(found);
});
