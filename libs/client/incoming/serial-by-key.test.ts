import { describe, expect, test } from 'vitest';
import { settle } from '../testing/manual-clock.ts';
import { SerialByKey, type TaskResult } from './serial-by-key.ts';

function deferred() {
  let end: (error?: Error) => void = () => undefined;
  const promise = new Promise<void>((resolve, reject) => {
    end = (error) => (error ? reject(error) : resolve());
  });
  return { promise, end };
}

describe('tasks', () => {
  test('start nothing before they are resumed', () => {
    const ran: string[] = [];
    const tasks = new SerialByKey<string>(
      (item) => void ran.push(item),
      () => undefined,
    );
    tasks.add('a', 'a1');
    tasks.add('b', 'b1');
    expect(ran).toEqual([]);
    tasks.resume();
    expect(ran).toEqual(['a1', 'b1']);
  });

  test('run synchronous tasks in the order of all items', () => {
    const ran: string[] = [];
    const tasks = new SerialByKey<string>(
      (item) => void ran.push(item),
      (item) => void ran.push(`${item} done`),
    );
    tasks.resume();
    for (const item of ['a1', 'b1', 'a2']) tasks.add(item.charAt(0), item);
    expect(ran).toEqual(['a1', 'a1 done', 'b1', 'b1 done', 'a2', 'a2 done']);
  });

  test('run the items of one key one after the other, and others beside them', async () => {
    const running = new Map<string, ReturnType<typeof deferred>>();
    const log: string[] = [];
    const tasks = new SerialByKey<string>(
      (item) => {
        log.push(item);
        const task = deferred();
        running.set(item, task);
        return task.promise;
      },
      (item) => void log.push(`${item} done`),
    );
    tasks.resume();
    for (const item of ['a1', 'a2', 'b1']) tasks.add(item.charAt(0), item);
    expect(log).toEqual(['a1', 'b1']);
    running.get('a1')?.end();
    await settle();
    expect(log).toEqual(['a1', 'b1', 'a1 done', 'a2']);
  });

  test('go on after a task that throws or rejects', async () => {
    const outcomes: [string, TaskResult][] = [];
    const boom = new Error('boom');
    const tasks = new SerialByKey<string>(
      (item) => {
        if (item === 'a1') throw boom;
        return item === 'a2' ? Promise.reject(boom) : undefined;
      },
      (item, outcome) => void outcomes.push([item, outcome]),
    );
    tasks.resume();
    for (const item of ['a1', 'a2', 'a3']) tasks.add('a', item);
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
    const tasks = new SerialByKey<string>(
      () => first.promise,
      (item) => void done.push(item),
    );
    tasks.resume();
    for (const item of ['a1', 'a2', 'b1']) tasks.add(item.charAt(0), item);
    expect(tasks.drop()).toEqual(['a2']);
    first.end();
    await settle();
    expect(done).toEqual(['a1', 'b1']);
  });
});
