import { describe, expect, test } from 'vitest';
import { settle } from '../testing/manual-clock.ts';
import { Lanes, type Outcome } from './lanes.ts';

function deferred() {
  let end: (error?: Error) => void = () => undefined;
  const promise = new Promise<void>((resolve, reject) => {
    end = (error) => (error ? reject(error) : resolve());
  });
  return { promise, end };
}

describe('lanes', () => {
  test('start nothing before they are resumed', () => {
    const ran: string[] = [];
    const lanes = new Lanes<string>(
      (item) => void ran.push(item),
      () => undefined,
    );
    lanes.add('a', 'a1');
    lanes.add('b', 'b1');
    expect(ran).toEqual([]);
    lanes.resume();
    expect(ran).toEqual(['a1', 'b1']);
  });

  test('run synchronous tasks in the order of all items', () => {
    const ran: string[] = [];
    const lanes = new Lanes<string>(
      (item) => void ran.push(item),
      (item) => void ran.push(`${item} done`),
    );
    lanes.resume();
    for (const item of ['a1', 'b1', 'a2']) lanes.add(item.charAt(0), item);
    expect(ran).toEqual(['a1', 'a1 done', 'b1', 'b1 done', 'a2', 'a2 done']);
  });

  test('run the items of one lane one after the other, and others beside them', async () => {
    const running = new Map<string, ReturnType<typeof deferred>>();
    const log: string[] = [];
    const lanes = new Lanes<string>(
      (item) => {
        log.push(item);
        const task = deferred();
        running.set(item, task);
        return task.promise;
      },
      (item) => void log.push(`${item} done`),
    );
    lanes.resume();
    for (const item of ['a1', 'a2', 'b1']) lanes.add(item.charAt(0), item);
    expect(log).toEqual(['a1', 'b1']);
    running.get('a1')?.end();
    await settle();
    expect(log).toEqual(['a1', 'b1', 'a1 done', 'a2']);
  });

  test('go on after a task that throws or rejects', async () => {
    const outcomes: [string, Outcome][] = [];
    const boom = new Error('boom');
    const lanes = new Lanes<string>(
      (item) => {
        if (item === 'a1') throw boom;
        return item === 'a2' ? Promise.reject(boom) : undefined;
      },
      (item, outcome) => void outcomes.push([item, outcome]),
    );
    lanes.resume();
    for (const item of ['a1', 'a2', 'a3']) lanes.add('a', item);
    await settle();
    expect(outcomes).toEqual([
      ['a1', { ok: false, error: boom }],
      ['a2', { ok: false, error: boom }],
      ['a3', { ok: true }],
    ]);
  });

  test('drop gives back what waits, and what runs still ends', async () => {
    const first = deferred();
    const done: string[] = [];
    const lanes = new Lanes<string>(
      () => first.promise,
      (item) => void done.push(item),
    );
    lanes.resume();
    for (const item of ['a1', 'a2', 'b1']) lanes.add(item.charAt(0), item);
    expect(lanes.drop()).toEqual(['a2']);
    first.end();
    await settle();
    expect(done).toEqual(['a1', 'b1']);
  });
});
