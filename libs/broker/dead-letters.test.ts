import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type EntryFormat, MAX_MESSAGE_BYTES, MAX_MESSAGE_ENTRIES, parseEntries } from './dead-letters.ts';
import { ACK, GATEWAY, ROUTE } from './entry-formats.ts';

const good = { kind: 'ack', from: 'alice', id: 'm1', to: 'bob', at: 1 };
const kinds = fc.constantFrom('ack', 'message', 'pull', 'hint', 'mailbox', 'lease', '__proto__');
const parse = (value: unknown) => parseEntries(Buffer.from(JSON.stringify(value)), ACK);

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
    const { entries, unreadable } = parseEntries(content, ACK);
    expect(entries).toEqual([]);
    expect(unreadable).toHaveLength(1);
  });

  test.each([
    ['of very many entries', `[${'0,'.repeat(MAX_MESSAGE_ENTRIES)}0]`, /^more than 10000 entries$/],
    ['that is huge', ' '.repeat(MAX_MESSAGE_BYTES + 1), /^larger than 16777216 bytes \(16777217 bytes\)$/],
    ['of very deep nesting', '['.repeat(100_000) + ']'.repeat(100_000), /./],
    ['of deep nesting that does not end', '['.repeat(1_000_000), /^not JSON \(1000000 bytes\)$/],
  ])('a message %s is one dead letter', (_what, text, reason) => {
    const { entries, unreadable } = parseEntries(Buffer.from(text), ACK);
    expect(entries).toEqual([]);
    expect(unreadable).toHaveLength(1);
    expect(unreadable[0]?.reason).toMatch(reason);
    expect(unreadable[0]?.content.length).toBeLessThanOrEqual(262_144);
  });

  test('an entry that is nested too deep to be written leaves the rest of its batch alone', () => {
    const deep = '['.repeat(50_000) + ']'.repeat(50_000);
    const text = `[${JSON.stringify(good)},{"kind":${deep}},${deep},${JSON.stringify(good)}]`;
    const { entries, unreadable } = parseEntries(Buffer.from(text), ACK);
    expect(entries).toEqual([good, good]);
    expect(unreadable.map(({ content }) => content)).toEqual([text]);
  });

  test('never throws, whatever the content', () => {
    const entry = fc.oneof(
      fc.jsonValue(),
      fc.record({ kind: kinds, from: fc.jsonValue(), at: fc.jsonValue() }),
    );
    const content = fc.oneof(
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
      fc.array(entry).map((entries) => Buffer.from(JSON.stringify(entries))),
    );
    fc.assert(
      fc.property(content, fc.constantFrom<EntryFormat<unknown>>(ACK, ROUTE, GATEWAY), (bytes, format) => {
        const { entries, unreadable } = parseEntries(bytes, format);
        for (const { reason } of unreadable) expect(reason).toBeTruthy();
        const array: unknown = unreadable.length === 1 ? undefined : JSON.parse(bytes.toString());
        if (Array.isArray(array)) expect(entries.length + unreadable.length).toBe(array.length);
      }),
      { numRuns: 500 },
    );
  });
});

/** What a gateway writes into a packet without looking at it must not be able to break that packet. */
describe('what is spliced into packets', () => {
  const stored = { from: 'alice', id: 'm1', to: 'bob', body: '1', at: 1 };
  const message = { kind: 'message', session: 's', ...stored };
  const page = { kind: 'mailbox', session: 's', messages: [], receipts: [], more: false };
  const faults = (entry: unknown) =>
    parseEntries(Buffer.from(JSON.stringify([entry])), GATEWAY).unreadable.map(({ reason }) => reason);

  test.each(['', '{', '1,"from":"boss"', '1}', '"a\u0001"', '\uFEFF1', 'undefined', "'x'", '01', 'NaN'])(
    'a body that is not JSON makes the entry unreadable: %j',
    (body) => {
      expect(faults({ ...message, body })).toEqual(['body: is not JSON']);
      expect(faults({ ...page, messages: [{ ...stored, key: 'm1', body }] })).toEqual([
        'messages.0.body: is not JSON',
      ]);
    },
  );

  test.each(['null', '-0', ' [1] ', '"\ud800"', '1e400', '{"__proto__":1}'])(
    'a body of %s is as good as any',
    (body) => {
      expect(faults({ ...message, body })).toEqual([]);
      expect(faults({ ...page, messages: [{ ...stored, key: 'm1', body }] })).toEqual([]);
    },
  );

  test.each(['', 'a"b', 'm 1', 'm\n', 'x'.repeat(65)])('a key is a name: not %j', (key) => {
    const receipt = { key, id: 'm1', to: 'bob', state: 'stored', at: 1 };
    expect(faults({ ...page, messages: [{ ...stored, key }] })).toHaveLength(1);
    expect(faults({ ...page, receipts: [receipt] })).toHaveLength(1);
  });
});

test('a login from a distant future would have its place for ever: it is none', () => {
  const up = { kind: 'session-up', user: 'u', device: 'd', session: 's', gateway: 'g.1', again: false };
  const read = (since: number) => parseEntries(Buffer.from(JSON.stringify([{ ...up, since }])), ROUTE);
  expect(read(Date.now() + 3_600_000).entries).toHaveLength(1);
  expect(read(Number.MAX_SAFE_INTEGER).unreadable).toHaveLength(1);
});

test('a confirmation of more keys than a client can send is unreadable', () => {
  const read = (count: number) =>
    parseEntries(
      Buffer.from(JSON.stringify([{ kind: 'confirm', user: 'u', keys: Array(count).fill('m1') }])),
      ROUTE,
    );
  expect(read(500).entries).toHaveLength(1);
  expect(read(501).unreadable).toHaveLength(1);
});
