import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { z } from 'zod';
import { CLIENT_PACKETS, type ClientType } from './client-packets.ts';
import { decode } from './decode.ts';
import { msgN } from './encode.ts';
import type { Json } from './json.ts';
import { MAX_KEY_LENGTH, MAX_PROOF_LENGTH, MAX_PULL, MAX_READ_ITEMS, MAX_TTL_S } from './limits.ts';

const msg = (over: object) => JSON.stringify({ type: 'msg:R', id: 'm1', to: 'bob', body: 'hi', ...over });

describe('decode', () => {
  test('keeps the body as it was written', () => {
    const { packet } = decode('{"type":"msg:R","id":"a","to":"b","body": {"x":-0, "y":"\\u0000"} ,"seq":7}');
    expect(packet).toEqual({ type: 'msg:R', id: 'a', to: 'b', bodyText: '{"x":-0, "y":"\\u0000"}', seq: 7 });
  });

  test('fills in defaults and ignores unknown fields', () => {
    expect(decode('{"type":"offline:R","new":1}').packet).toEqual({ type: 'offline:R', limit: 100 });
    expect(decode('{"type":"login:R","token":"t"}').packet).toEqual({
      type: 'login:R',
      token: 't',
      device: 'default',
    });
  });

  test('accepts a body of null', () => {
    expect(decode(msg({ body: null })).packet).toMatchObject({ bodyText: 'null' });
  });

  test.each([
    ['not JSON', 'nope', undefined],
    ['an array', '[]', undefined],
    ['null', 'null', undefined],
    ['no type', '{}', 'type'],
    ['an unknown type', '{"type":"msg:N"}', 'type'],
    ['a type off the prototype', '{"type":"toString"}', 'type'],
    ['no id', msg({ id: undefined }), 'id'],
    ['an empty id', msg({ id: '' }), 'id'],
    ['an id with a newline', msg({ id: 'a\n' }), 'id'],
    ['an id of 65', msg({ id: 'x'.repeat(65) }), 'id'],
    ['a numeric id', msg({ id: 1 }), 'id'],
    ['a user of 129', msg({ to: 'x'.repeat(129) }), 'to'],
    ['a user with a space', msg({ to: 'a b' }), 'to'],
    ['an empty list', msg({ to: [] }), 'to'],
    ['a list that names one twice', msg({ to: ['al', 'al'] }), 'to'],
    ['a list with a name that is off', msg({ to: ['al', 'a b'] }), 'to'],
    ['no body', msg({ body: undefined }), 'body'],
    ['a negative seq', msg({ seq: -1 }), 'seq'],
    ['a fractional seq', msg({ seq: 1.5 }), 'seq'],
    ['a seq of null', msg({ seq: null }), 'seq'],
    ['a thread with a space', msg({ thread: 'a b' }), 'thread'],
    ['a ttl of 0', msg({ ttl: 0 }), 'ttl'],
    ['a ttl of more than 30 days', msg({ ttl: MAX_TTL_S + 1 }), 'ttl'],
    ['a read of false', msg({ read: false }), 'read'],
    ['no item', '{"type":"read:R","items":[]}', 'items'],
    ['an item without a proof', '{"type":"read:R","items":[{"from":"a","id":"b"}]}', 'items'],
    ['a body beyond a double', '{"type":"msg:R","id":"a","to":"b","body":1e400}', 'body'],
    ['a limit of 0', '{"type":"offline:R","limit":0}', 'limit'],
    ['a limit of 501', '{"type":"offline:R","limit":501}', 'limit'],
    ['no keys', '{"type":"offline:A","keys":[]}', 'keys'],
    ['501 keys', JSON.stringify({ type: 'offline:A', keys: Array(501).fill('k') }), 'keys'],
    ['a numeric key', '{"type":"offline:A","keys":[1]}', 'keys'],
    ['a device of 65', JSON.stringify({ type: 'login:R', token: 't', device: 'x'.repeat(65) }), 'device'],
  ])('refuses %s and names the field', (_what, text, field) => {
    const { fault } = decode(text);
    expect(fault?.field).toBe(field);
    expect(fault?.message).toBeTruthy();
  });

  test('names the packet that it refuses as far as it can be read', () => {
    expect(decode(msg({ to: '' })).fault?.re).toEqual({ type: 'msg:R', id: 'm1' });
    expect(decode('{"type":"ack:R","id":"!","from":"bob"}').fault?.re).toEqual({
      type: 'ack:R',
      from: 'bob',
    });
    expect(decode('{"type":7}').fault?.re).toBeUndefined();
  });

  test('never throws, whatever the frame', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        const { packet, fault } = decode(text);
        expect(packet === undefined).toBe(fault !== undefined);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('the schemas of what is added', () => {
  const fits = (packet: { type: ClientType }) => CLIENT_PACKETS[packet.type].safeParse(packet).success;
  const users = (count: number) => Array.from({ length: count }, (_, n) => `u${n}`);
  const message = (over: object) => fits({ type: 'msg:R', ...{ id: 'm', to: 'bob', body: 1 }, ...over });
  const read = (items: unknown) => fits({ type: 'read:R', ...{ items } });
  const item = { from: 'al', id: 'm', read: 'p' };

  test.each([
    ['one receiver', message({ to: 'bob' }), true],
    ['a list of one', message({ to: ['bob'] }), true],
    ['a list of many', message({ to: users(1_000) }), true],
    ['an empty list', message({ to: [] }), false],
    ['a list that is too long', message({ to: users(1_001) }), false],
    ['a list that names one twice', message({ to: ['bob', 'al', 'bob'] }), false],
    ['a list with a name that is off', message({ to: ['bob', 'a b'] }), false],
    ['a thread', message({ thread: 'g:1' }), true],
    ['an empty thread', message({ thread: '' }), false],
    ['a thread of 129', message({ thread: 'x'.repeat(129) }), false],
    ['a ttl of a second', message({ ttl: 1 }), true],
    ['the longest ttl', message({ ttl: MAX_TTL_S }), true],
    ['a ttl of 0', message({ ttl: 0 }), false],
    ['a ttl that is too long', message({ ttl: MAX_TTL_S + 1 }), false],
    ['a fractional ttl', message({ ttl: 1.5 }), false],
    ['read', message({ read: true }), true],
    ['read: false', message({ read: false }), false],
    ['a read item', read([item]), true],
    ['as many as may be', read(Array(MAX_READ_ITEMS).fill(item)), true],
    ['one more', read(Array(MAX_READ_ITEMS + 1).fill(item)), false],
    ['no item', read([]), false],
    ['an item without a proof', read([{ ...item, read: undefined }]), false],
    ['a proof that is too long', read([{ ...item, read: 'x'.repeat(MAX_PROOF_LENGTH + 1) }]), false],
    ['an item of null', read([null]), false],
    ['a login that asks for sync', fits({ type: 'login:R', ...{ token: 't', sync: true } }), true],
    ['a sync of 1', fits({ type: 'login:R', ...{ token: 't', sync: 1 } }), false],
    ['a signal', fits({ type: 'signal:R', ...{ to: ['bob'], body: null, thread: 't' } }), true],
    ['a signal to nobody', fits({ type: 'signal:R', ...{ to: [], body: null } }), false],
  ])('%s: %#', (_what, fit, expected) => expect(fit).toBe(expected));

  test('what has no handler yet is of an unknown type, or ignored', () => {
    for (const type of Object.keys(CLIENT_PACKETS))
      if (!Object.hasOwn(CLIENT_PACKETS, type))
        expect(decode(JSON.stringify({ type })).fault?.message).toBe(
          'type: is not one that a client may send',
        );
  });
});

describe('any packet', () => {
  const name = (unit: string, maxLength: number) =>
    fc.string({ unit: fc.constantFrom(...Array.from(unit)), minLength: 1, maxLength });
  const LETTERS = 'abcXYZ0189_-';
  const id = name(LETTERS, 64);
  const user = name(`${LETTERS}.:@`, 128);
  const receivers = fc.oneof(user, fc.uniqueArray(user, { minLength: 1, maxLength: 5 }));
  const body = fc.jsonValue({ maxDepth: 8 }) as fc.Arbitrary<Json>;
  /** Valid packets of all types, with and without what is optional. */
  const packets: fc.Arbitrary<z.input<(typeof CLIENT_PACKETS)[ClientType]>> = fc.oneof(
    fc.record({ type: fc.constant('ping' as const) }),
    fc.record({ type: fc.constant('ack:R' as const), id, from: user }),
    fc.record(
      { type: fc.constant('login:R' as const), token: fc.string(), device: name(`${LETTERS}.:@`, 64) },
      { requiredKeys: ['type', 'token'] },
    ),
    fc.record(
      { type: fc.constant('offline:R' as const), limit: fc.integer({ min: 1, max: MAX_PULL }) },
      { requiredKeys: ['type'] },
    ),
    fc.record({
      type: fc.constant('read:R' as const),
      items: fc.array(fc.record({ from: user, id, read: fc.string({ maxLength: MAX_PROOF_LENGTH }) }), {
        minLength: 1,
        maxLength: 5,
      }),
    }),
    fc.record({
      type: fc.constant('offline:A' as const),
      keys: fc.array(fc.string({ minLength: 1, maxLength: MAX_KEY_LENGTH }), { minLength: 1, maxLength: 20 }),
    }),
    fc.record(
      {
        type: fc.constant('msg:R' as const),
        ...{ id, to: receivers, body, seq: fc.maxSafeNat(), thread: user },
        ttl: fc.integer({ min: 1, max: MAX_TTL_S }),
        read: fc.constant(true as const),
      },
      { requiredKeys: ['type', 'id', 'to', 'body'] },
    ),
  );

  test('is read as what was written, with its defaults', () => {
    fc.assert(
      fc.property(packets, fc.constantFrom(0, 1), (packet, space) => {
        const read = decode(JSON.stringify(packet, null, space));
        expect(read.fault).toBeUndefined();
        const { bodyText, ...rest } = read.packet as { bodyText?: string };
        const written = CLIENT_PACKETS[packet.type].parse(JSON.parse(JSON.stringify(packet)));
        const got: unknown = bodyText === undefined ? rest : { ...rest, body: JSON.parse(bodyText) as Json };
        expect(got).toEqual(written);
      }),
    );
  });

  test('is read as its schema reads it, also with anything in one field', () => {
    const field = fc.constantFrom(
      ...['id', 'to', 'from', 'body', 'seq', 'type', 'new', '__proto__'],
      ...['thread', 'ttl', 'read', 'items'],
    );
    const odd = fc.oneof(fc.jsonValue(), fc.constantFrom('', 'a b', 'x'.repeat(65), -1, 1.5, 2 ** 53));
    fc.assert(
      fc.property(packets, field, odd, (packet, name, value) => {
        const fields = JSON.parse(JSON.stringify({ ...packet, [name]: value })) as Record<string, unknown>;
        // Not String(): the value may be an object whose toString is no function.
        const type = typeof fields['type'] === 'string' ? fields['type'] : '';
        const schema = Object.hasOwn(CLIENT_PACKETS, type) ? CLIENT_PACKETS[type as ClientType] : undefined;
        const { bodyText, ...read } = (decode(JSON.stringify(fields)).packet ?? {}) as { bodyText?: string };
        const got: unknown = bodyText === undefined ? read : { ...read, body: JSON.parse(bodyText) as Json };
        expect(got).toEqual(schema?.safeParse(fields).data ?? {});
      }),
      { numRuns: 1_000 },
    );
  });

  test('carries its body to the receiver as the very text', () => {
    fc.assert(
      fc.property(body, fc.constantFrom(0, 2), fc.boolean(), (value, space, last) => {
        const text = JSON.stringify(value, null, space);
        const rest = '"type":"msg:R","id":"a","to":"b"';
        const { packet } = decode(last ? `{${rest},"body":${text}}` : `{"body":${text},${rest}}`);
        const { bodyText } = packet as { bodyText: string };
        expect(bodyText).toBe(text);
        expect(msgN({ id: 'a', from: 'c', bodyText, at: 1 })).toContain(`"body":${text},"at":1`);
      }),
    );
  });

  test('that is changed in one field is read, or a fault that names a field', () => {
    fc.assert(
      fc.property(packets, fc.nat(), fc.jsonValue(), (packet, n, value) => {
        const fields = Object.keys(packet);
        const field = fields[n % fields.length] ?? 'type';
        const read = decode(JSON.stringify({ ...packet, [field]: value }));
        if (read.fault) expect(read.fault.field).toBe(field);
      }),
      { numRuns: 500 },
    );
  });
});
