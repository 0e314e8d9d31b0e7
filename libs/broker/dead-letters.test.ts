import { describe, expect, test } from 'vitest';
import { parseEntries } from './dead-letters.ts';
import { AckEntry } from './entries.ts';

const good = { kind: 'ack', from: 'alice', id: 'm1', to: 'bob', at: 1 };
const parse = (value: unknown) => parseEntries(Buffer.from(JSON.stringify(value)), AckEntry);

describe('parseEntries', () => {
  test('an entry of an unknown kind or shape leaves the rest of its batch alone', () => {
    const { entries, unreadable } = parse([
      good,
      { kind: 'new' },
      { ...good, id: 7 },
      null,
      { ...good, id: 'm2' },
    ]);
    expect(entries.map(({ id }) => id)).toEqual(['m1', 'm2']);
    expect(unreadable.map(({ content }) => content)).toEqual([
      '{"kind":"new"}',
      JSON.stringify({ ...good, id: 7 }),
      'null',
    ]);
  });

  test('unknown fields are dropped: a newer version may have sent it', () => {
    expect(parse([{ ...good, new: true }]).entries).toEqual([good]);
  });

  test.each([
    ['truncated', Buffer.from('[{"kind":"ack"')],
    ['no array', Buffer.from('{}')],
    ['no text', Buffer.from([0xff, 0x00])],
    ['empty', Buffer.alloc(0)],
  ])('a message that is %s is one dead letter', (_what, content) => {
    const { entries, unreadable } = parseEntries(content, AckEntry);
    expect(entries).toEqual([]);
    expect(unreadable).toHaveLength(1);
  });
});
