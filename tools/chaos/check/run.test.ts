import { expect, test } from 'vitest';
import { Recording } from './recording.ts';

/** What happens, and what the checker must say of it. */
type Case = [what: string, happens: (run: Recording) => unknown, found: string[]];

const two = (run: Recording) => run.send('a/1', 'm1').send('a/1', 'm2');

const CASES: Case[] = [
  ['two messages in order', (run) => two(run).deliver('b/1', 'm1').deliver('b/1', 'm2'), []],
  [
    'two messages change places',
    (run) => two(run).deliver('b/1', 'm2').deliver('b/1', 'm1'),
    ['G4 m2 of the same session came before it'],
  ],
  [
    'two messages change places while something fails',
    (run) => two(run.fault('kill-gateway', 1_000)).deliver('b/1', 'm2').deliver('b/1', 'm1'),
    [],
  ],
  [
    'the time of the server does not go on',
    (run) => {
      two(run).deliver('b/1', 'm1').deliver('b/1', 'm2');
      for (const event of run.history)
        if (event.is === 'in' && event.packet.type === 'msg:A') Object.assign(event.packet, { at: 7 });
    },
    ['G4 its `at` is not behind that of the one before it'],
  ],
  [
    'an outbox keeps what waits for its receipt',
    (run) =>
      run
        .send()
        .note('a/1', { is: 'restored', ids: ['m1'] })
        .deliver(),
    [],
  ],
  [
    'an outbox forgets a message',
    (run) => run.send().note('a/1', { is: 'restored', ids: [] }).deliver(),
    ['G1 sent, and not in the outbox after a restart'],
  ],
  ['a message is buried', (run) => (run.server.dead = 2), ['G6 2 messages were buried in sixfold.dead']],
  [
    'a client is told an error that nothing explains',
    (run) =>
      run
        .packet('a/1', 'in', 'error', { code: 'internal' })
        .packet('a/1', 'in', 'error', { code: 'unavailable' }),
    ['G6 clients were told internal 1 times'],
  ],
  [
    'a token expires without a reason',
    (run) => run.packet('a/1', 'in', 'error', { code: 'unauthorized' }),
    ['G6 clients were told unauthorized 1 times'],
  ],
  [
    'a token expires while none can be had',
    (run) => run.fault('token-endpoint-nonsense', 10).packet('a/1', 'in', 'error', { code: 'unauthorized' }),
    [],
  ],
  [
    'a token expires while its renewal waits for a frozen gateway',
    (run) => run.fault('freeze-gateway', 10).packet('a/1', 'in', 'error', { code: 'unauthorized' }),
    [],
  ],
  ['a process ends', (run) => run.crashes.push('gateway-1 ended'), ['G6 gateway-1 ended']],
  ['something is not done', (run) => run.undone.push('3 in queues'), ['G1 at the end: 3 in queues']],
];

test.for(CASES)('%s', ([, happens, found]) => {
  const run = new Recording();
  happens(run);
  expect(run.violations()).toEqual(found);
});

test('a message that nobody sent', () => {
  const [found, ...more] = new Recording().send().deliver().arrive('b/1', { id: 'm9' }, false).violations();
  expect(found).toMatch(/^G5 a message that nobody sent: .*"m9"/);
  expect(more).toEqual([]);
});

/** An instance is cut off from the database for a minute, and a message takes `ms` milliseconds. */
function withoutDatabase(ms: number): string[] {
  const run = new Recording();
  run.faults.push({ fault: 'cut-database', began: run.t, healed: run.t + 60_000, target: '', what: '' });
  return run.send().pause(ms).deliver().violations(['a', 'b']);
}

test('an instance without its database gives its work to others', () => {
  expect(withoutDatabase(5_000)).toEqual([]);
  expect(withoutDatabase(20_000)).toEqual([
    'G1 not handed on in time though another instance could',
    'G1 its sender heard nothing in time though another instance could',
  ]);
});
