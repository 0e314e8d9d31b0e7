import { describe, expect, test } from 'vitest';
import { readCanSend } from './can-send.ts';

describe('can_send', () => {
  test.each<[claim: string[], yes: string[], no: string[]]>([
    [
      ['bob', 'carol'],
      ['bob', 'carol'],
      ['bo', 'bobby', 'Bob', 'dave'],
    ],
    [['team:*'], ['team:', 'team:bob'], ['team', 'a-team:bob']],
    [
      ['bob', 'x*'],
      ['bob', 'x', 'xavier'],
      ['bobx', 'carol'],
    ],
    [['*'], ['bob', '*'], []],
    [[], [], ['bob', '']],
    [['constructor'], ['constructor'], ['toString']],
    [['.*'], ['.x'], ['bob']],
  ])('%j', (claim, yes, no) => {
    const canSend = readCanSend(claim);
    if (typeof canSend !== 'function') throw new Error('it can be read');
    expect(yes.filter((user) => !canSend(user))).toEqual([]);
    expect(no.filter((user) => canSend(user))).toEqual([]);
  });

  test('without it the user may write to everybody', () => {
    expect(readCanSend(undefined)).toBeUndefined();
  });

  test.each([
    [null],
    ['bob'],
    [{ bob: true }],
    [['bob', 7]],
    [[null]],
    [['']],
    [['a b']],
    [['*bob']],
    [['b*b']],
    [['bob**']],
    [['x'.repeat(129)]],
  ])('%j cannot be read', (claim) => {
    expect(readCanSend(claim)).toBe('unreadable');
  });
});
