import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectAs, type RawClient } from './harness/raw-client.ts';
import { type Stack, startStack } from './harness/stack.ts';

const MAX_PACKET_BYTES = 65_536;

const nested = (depth: number, open = '[', close = ']') => open.repeat(depth) + close.repeat(depth);

/** Bodies as text: what JavaScript would parse and write again is not always what the sender wrote. */
const BODIES: Record<string, string> = {
  null: 'null',
  true: 'true',
  false: 'false',
  'the number 0': '0',
  'the number -0': '-0',
  'the number -0.0': '-0.0',
  'the largest power of ten': '1e308',
  'the smallest number': '5e-324',
  'a number that underflows': '1e-400',
  'an integer beyond 2^53': '12345678901234567890',
  'a number with a plain exponent': '1E+2',
  'an empty string': '""',
  'escaped U+0000': String.raw`"a\u0000b"`,
  'a lone high surrogate': String.raw`"\ud83d"`,
  'a lone low surrogate': String.raw`"x\udE00y"`,
  'an escaped pair': String.raw`"\ud83d\ude00"`,
  emoji: '"👩‍👩‍👧‍👦 naïve 日本語"',
  'U+2028, U+2029 and U+FEFF': '"a\u2028b\u2029c\uFEFF"',
  'U+007F and U+FFFF': '"\u007F\uFFFF"',
  'every short escape': String.raw`"\"\\\/\b\f\n\r\t"`,
  'text that looks like a packet': String.raw`"}\",\"at\":1,\"body\":{\"type\":\"ack:N\"}"`,
  'text that looks like SQL and its escapes': String.raw`"'; DROP TABLE sessions; -- $1 \\x00 {NULL}"`,
  'an empty array': '[]',
  'an empty object': '{}',
  'the names of a packet': '{"type":"bye","id":1,"from":null,"body":{"body":[]},"at":-1,"seq":"x","key":2}',
  'the names of a prototype': '{"__proto__":{"polluted":1},"constructor":{"prototype":[]},"toString":0}',
  'an empty name': '{"":{"":""}}',
  'a name twice': '{"a":1,"a":2}',
  'white space': '[ 1 ,\t2 ,  {  "a"  :\r\n [ ] } ]',
  'arrays nested 100 deep': nested(100),
  'objects nested 100 deep': `${'{"a":'.repeat(99)}{}${'}'.repeat(99)}`,
};

const CASES = Object.entries(BODIES).map(([what, body], n) => ({ what, body, id: `body-${n}` }));

const frame = (to: string, id: string, body: string) =>
  `{"type":"msg:R","id":"${id}","to":"${to}","body":${body}}`;

/**
 * The body in the text of a msg:N, or of an offline:N with this one entry. The contract promises the same value; that
 * the very text comes is how it is kept, and comparing text cannot err about `-0` or `__proto__`.
 */
function bodyIn(text: string): string {
  const start = text.indexOf('"body":') + '"body":'.length;
  return text.slice(start, text.lastIndexOf(',"at":'));
}

describe('a body', () => {
  let stack: Stack;
  let alice: RawClient;
  let bob: RawClient;

  beforeAll(async () => {
    stack = await startStack();
    alice = await connectAs(stack, stack.gateways[0], 'alice');
    bob = await connectAs(stack, stack.gateways[1], 'bob', { autoAck: true });
  });

  afterAll(() => stack.stop());

  test.for(CASES)('arrives live as it was written: $what', async ({ body, id }) => {
    alice.send(frame('bob', id, body));
    await alice.next('msg:A', { id });
    const message = await bob.next('msg:N', { id });
    expect(bodyIn(bob.textOf(message))).toBe(body);
    await alice.next('ack:N', { id, state: 'delivered' });
  });

  test('comes out of the mailbox as it was written, whatever it is', async () => {
    for (const { body, id } of CASES) alice.send(frame('away', id, body));
    for (const { id } of CASES) await alice.next('ack:N', { id, state: 'stored' });
    await using away = await connectAs(stack, stack.gateways[1], 'away');
    for (const { what, body, id } of CASES) {
      const page = await away.pull(1);
      const [entry] = page.messages;
      expect(entry?.id, what).toBe(id);
      expect(bodyIn(away.textOf(page)), what).toBe(body);
      away.send({ type: 'offline:A', keys: [entry?.key ?? ''] });
    }
    expect(await away.pull()).toMatchObject({ messages: [], more: false });
  });

  test('is found wherever it stands in the packet', async () => {
    const packets = {
      first: '{"body":[1],"type":"msg:R","id":"first","to":"bob"}',
      spaced: ' { "type" : "msg:R" , "id" : "spaced" , "body" : [ 1 ] , "to" : "bob" } \n',
      escaped: String.raw`{"type":"msg:R","id":"escaped","to":"bob","\u0062od\u0079":[1]}`,
      unknown: '{"x":{"body":[2]},"type":"msg:R","id":"unknown","to":"bob","body":[1],"y":"\\"body\\":[3]"}',
      twice: '{"type":"msg:R","id":"twice","body":[2],"to":"bob","body":[1]}',
    };
    for (const [id, text] of Object.entries(packets)) {
      alice.send(text);
      expect((await bob.next('msg:N', { id })).body, id).toEqual([1]);
    }
  });

  test('may fill the largest packet, live and in the mailbox', async () => {
    const live = fill('bob', 'largest');
    const stored = fill('away-large', 'largest');
    alice.send(live);
    alice.send(stored);
    const message = await bob.next('msg:N', { id: 'largest' });
    expect(message.body === bodyOf(live)).toBe(true); // not toBe: nobody wants to read the difference
    await alice.next('ack:N', { id: 'largest', to: 'bob', state: 'delivered' });
    await alice.next('ack:N', { id: 'largest', to: 'away-large', state: 'stored' });
    await using away = await connectAs(stack, stack.gateways[0], 'away-large');
    const [entry] = (await away.pull()).messages;
    expect(entry?.body === bodyOf(stored)).toBe(true);
  });

  test('one byte more closes with 1009, and nothing of it is sent', async () => {
    await using carol = await connectAs(stack, stack.gateways[0], 'carol');
    carol.send(fill('bob', 'too-large', MAX_PACKET_BYTES + 1));
    expect((await carol.closed).code).toBe(1009);
    alice.msg('bob', 'behind-too-large');
    await bob.next('msg:N', { id: 'behind-too-large' });
    expect(bob.all('msg:N', { from: 'carol' })).toEqual([]);
  });

  test.for([
    ['a number beyond a double', '1e400'],
    ['a negative number beyond a double', '-1e400'],
    ['one deep inside', '{"a":[0,{"b":1e309}]}'],
    ['101 nested arrays', nested(101)],
    ['101 nested objects', `${'{"a":'.repeat(100)}{}${'}'.repeat(100)}`],
    ['very deep nesting', nested(30_000)],
    ['NaN', 'NaN'],
    ['a raw control character', '"\u0001"'],
    ['two values', '1,2'],
  ] as const)('is refused as bad_packet: %s', async ([, body]) => {
    await using carol = await connectAs(stack, stack.gateways[0], 'carol');
    carol.send(frame('bob', 'refused', body));
    const error = await carol.next('error');
    expect(error).toMatchObject({ code: 'bad_packet' });
    if (isJson(body)) {
      expect(error.re).toEqual({ type: 'msg:R', id: 'refused' });
      expect(error.message).toContain('body');
    }
    carol.msg('bob', `after-${body.length}`); // the session goes on
    await bob.next('msg:N', { from: 'carol', id: `after-${body.length}` });
    expect(bob.all('msg:N', { id: 'refused' })).toEqual([]);
  });

  test('is required, and null is one', async () => {
    await using carol = await connectAs(stack, stack.gateways[0], 'carol');
    carol.send('{"type":"msg:R","id":"none","to":"bob"}');
    const { code, message, re } = await carol.next('error');
    expect({ code, re }).toEqual({ code: 'bad_packet', re: { type: 'msg:R', id: 'none' } });
    expect(message).toContain('body');
  });
});

/** A msg:R of exactly so many bytes; some of its characters take several. */
function fill(to: string, id: string, bytes = MAX_PACKET_BYTES): string {
  const start = frame(to, id, '"日本語"');
  const text = frame(to, id, `"日本語${'x'.repeat(bytes - Buffer.byteLength(start))}"`);
  expect(Buffer.byteLength(text)).toBe(bytes);
  return text;
}

const bodyOf = (packet: string) => (JSON.parse(packet) as { body: unknown }).body;

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
