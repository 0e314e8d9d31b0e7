import { expect, test } from 'vitest';
import { Recording } from './recording.ts';

const LOST = 'G3 delivered when its sender had left, and its mailbox does not say so';

/** The sender has its msg:A, and never comes back. */
const gone = (run: Recording) =>
  run
    .login('a/1')
    .note('a/1', { is: 'left' })
    .send()
    .note('a/1', { is: 'closed', connection: 1, code: 1006 });

const confirmedAfter = (ms: number) => (run: Recording) => gone(run).pause(ms).arrive().confirm();

const CASES: [what: string, happens: (run: Recording) => unknown, found: string[]][] = [
  ['a sender has left, and nothing tells it that its message was delivered', confirmedAfter(6_000), [LOST]],
  [
    'a sender has left, and its mailbox says what became of its message',
    (run) =>
      confirmedAfter(6_000)(run).receipts.set('a b m1', {
        state: 'delivered',
        reason: undefined,
        at: run.t,
      }),
    [],
  ],
  ['a sender may have heard it on the connection that it left', confirmedAfter(1_000), []],
  [
    'nobody saw when the sender left: its process was killed',
    (run) => run.login('a/1').note('a/1', { is: 'left' }).send().pause(6_000).arrive().confirm(),
    [],
  ],
  [
    'a gateway that stood still does not know that the sender has left',
    (run) => gone(run).fault('freeze-gateway', 6_000).arrive().confirm(),
    [],
  ],
];

test.for(CASES)('%s', ([, happens, found]) => {
  const run = new Recording();
  happens(run);
  expect(run.violations()).toEqual(found);
});
