import { expect, test } from 'vitest';
import { DecisionQueue } from './decision-queue.ts';

test('tasks behind an undecided list run in order when it is decided, and wait again behind the next list', () => {
  const queue = new DecisionQueue();
  const ran: string[] = [];
  const decide: (() => void)[] = [];
  const task = (name: string) => queue.run(() => ran.push(name));
  const list = (name: string) =>
    queue.run(() => {
      const goOn = queue.hold();
      decide.push(() => {
        ran.push(name);
        goOn();
      });
    });
  task('a');
  list('B');
  task('c');
  list('D');
  task('e');
  expect([ran, queue.held]).toEqual([['a'], true]);
  decide.shift()?.();
  task('f');
  expect([ran, queue.held]).toEqual([['a', 'B', 'c'], true]);
  decide.shift()?.();
  expect([ran, queue.held]).toEqual([['a', 'B', 'c', 'D', 'e', 'f'], false]);
});

test('a list that is decided at once holds nobody up', () => {
  const queue = new DecisionQueue();
  const ran: string[] = [];
  queue.hold()();
  queue.run(() => ran.push('a'));
  expect(ran).toEqual(['a']);
});
