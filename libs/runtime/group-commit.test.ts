import { describe, expect, test } from 'vitest';
import { GroupCommit, type Pending } from './group-commit.ts';

class Entry implements Pending {
  outcome: 'waiting' | 'settled' | Error = 'waiting';
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
  settled(error?: Error) {
    this.outcome = error ?? 'settled';
  }
}

/** A group commit whose commits are settled by hand. */
function byHand(options: { concurrency?: number; maxEntries?: number; maxWeight?: number } = {}) {
  const groups: { names: string; resolve: () => void; reject: (error: Error) => void }[] = [];
  const commit = new GroupCommit<Entry>({
    concurrency: 1,
    maxEntries: 100,
    maxWeight: 1000,
    ...options,
    weigh: (entry) => entry.name.length,
    commit: (group) =>
      new Promise((resolve, reject) =>
        groups.push({ names: group.map((e) => e.name).join(' '), resolve: () => resolve(), reject }),
      ),
  });
  return { commit, groups, names: () => groups.map((group) => group.names) };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('GroupCommit', () => {
  test('what arrives during a commit leaves as one group after it', async () => {
    const { commit, groups, names } = byHand();
    commit.add(new Entry('a'));
    await turn();
    for (const name of ['b', 'c', 'd']) commit.add(new Entry(name));
    await turn();
    expect(names()).toEqual(['a']);
    groups[0]?.resolve();
    await turn();
    await turn();
    expect(names()).toEqual(['a', 'b c d']);
  });

  test('settles every entry of a group, with its error if the commit failed', async () => {
    const { commit, groups } = byHand();
    const [a, b] = [new Entry('a'), new Entry('b')];
    commit.add(a);
    commit.add(b);
    await turn();
    expect([a.outcome, b.outcome]).toEqual(['waiting', 'waiting']);
    groups[0]?.reject(new Error('no'));
    await commit.drained();
    expect([a.outcome, b.outcome]).toEqual([new Error('no'), new Error('no')]);
  });

  test('goes on after a failed commit', async () => {
    const { commit, groups, names } = byHand();
    commit.add(new Entry('a'));
    await turn();
    commit.add(new Entry('b'));
    groups[0]?.reject(new Error('no'));
    await turn();
    await turn();
    expect(names()).toEqual(['a', 'b']);
  });

  test('a group has at most maxEntries, and maxWeight unless one entry alone is heavier', async () => {
    const { commit, names } = byHand({ concurrency: 10, maxEntries: 2, maxWeight: 5 });
    for (const name of ['a', 'b', 'c', 'dddd', 'eeeeeeee', 'f']) commit.add(new Entry(name));
    await turn();
    expect(names()).toEqual(['a b', 'c dddd', 'eeeeeeee', 'f']);
  });

  test('expire() gives up on what waits, from the oldest on, and leaves what is under way alone', async () => {
    const { commit, groups } = byHand();
    const [a, b, c] = [new Entry('a'), new Entry('bb'), new Entry('ccc')];
    commit.add(a);
    await turn();
    commit.add(b);
    commit.add(c);
    expect(commit.oldest).toBe(b);
    commit.expire((entry) => entry !== c, new Error('late'));
    expect([a.outcome, b.outcome, c.outcome]).toEqual(['waiting', new Error('late'), 'waiting']);
    expect([commit.oldest, commit.waitingWeight]).toEqual([c, 3]);
    groups[0]?.resolve();
    await turn();
    await turn();
    expect(groups.map(({ names }) => names)).toEqual(['a', 'ccc']);
  });

  test('drained() waits for what is under way and for what waits', async () => {
    const { commit, groups } = byHand();
    await commit.drained();
    commit.add(new Entry('a'));
    await turn();
    commit.add(new Entry('b'));
    let drained = false;
    const done = commit.drained().then(() => (drained = true));
    groups[0]?.resolve();
    await turn();
    await turn();
    expect(drained).toBe(false);
    groups[1]?.resolve();
    await done;
  });
});
