import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { EntryFormat } from './dead-letters.ts';
import { ACK, GATEWAY, ROUTE } from './entry-formats.ts';

const names = { from: 'alice', id: 'm1', to: 'bob', at: 1 };
const message = { kind: 'message', ...names, body: '"hi"' };
const live = { ...message, session: 's-1' };
const receipt = {
  kind: 'receipt',
  session: 's-1',
  user: 'alice',
  id: 'm1',
  to: 'bob',
  state: 'stored',
  at: 1,
};
const reply = { gateway: 'g.1', session: 's-1' };
const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;

const USUAL: [string, EntryFormat<unknown>, Record<string, unknown>][] = [
  ['a message for routing', ROUTE, message],
  ['a message for routing, with seq', ROUTE, { ...message, seq: 0 }],
  ['a message for a gateway', GATEWAY, live],
  ['a message for a gateway, with seq', GATEWAY, { ...live, seq: 7 }],
  ['a receipt', GATEWAY, receipt],
  ['a confirmation', ACK, { kind: 'ack', ...names }],
  ['a confirmation, with the time of the message', ACK, { kind: 'ack', ...names, sentAt: 1 }],
  ['a receipt, with the time of the message', GATEWAY, { ...receipt, sentAt: 1 }],
  ['a message with a reply address', ROUTE, { ...message, reply }],
  ['a message that may be answered directly', GATEWAY, { ...live, reply, direct: true }],
  ['a confirmation with a reply address', ACK, { kind: 'ack', ...names, sentAt: 1, reply }],
  ['a receipt for a reply address', GATEWAY, { ...receipt, sentAt: 1, addressed: true }],
];

/** What a field could hold instead: off, or only for the schema. */
const odd = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom(undefined, '', 'a b', 'x'.repeat(129), -1, 1.5, 2 ** 53, '{', 'rejected', 'expired'),
  fc.constantFrom(traceparent, [reply], reply, { ...reply, more: 1 }, { gateway: 'g' }, 'draining', true),
  fc.constantFrom('read', null, { ...reply, session: 'a b' }),
);
const more = fc.constantFrom(
  ...['seq', 'traceparent', 'others', 'returned', 'reason', 'new', '__proto__'],
  ...[
    'thread',
    'expires',
    'read',
    'copy',
    'origin',
    'sentTo',
    'device',
    'sentAt',
    'reply',
    'direct',
    'addressed',
  ],
);

test.each(USUAL)('%s needs no schema', (_what, { schema, fastPath }, entry) => {
  expect(fastPath?.(entry)).toEqual(schema.parse(entry));
});

test.each(USUAL)(
  '%s with anything else in a field is read as the schema reads it',
  (_what, format, entry) => {
    const field = fc.oneof(fc.constantFrom(...Object.keys(entry)), more);
    fc.assert(
      fc.property(field, odd, (name, value) => {
        const changed = { ...entry, [name]: value };
        const quick = format.fastPath?.(changed);
        if (quick !== undefined) expect(quick).toEqual(format.schema.parse(changed));
      }),
      { numRuns: 2_000 },
    );
  },
);
