import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decode } from '../protocol/decode.ts';
import { bodyToText, checkNames, fits, msgR } from './client-packets.ts';

const alphabet = [...Array.from('ABZabz09._:@-'), ' ', '/', 'ä', '\n', ''];
const name = fc.array(fc.constantFrom(...alphabet), { maxLength: 5 }).map((parts) => parts.join(''));
const length = fc.constantFrom(0, 1, 64, 65, 128, 129).map((count) => 'x'.repeat(count));

/** Whether a call refuses its arguments. */
function refuses(call: () => unknown): boolean {
  try {
    call();
    return false;
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError);
    return true;
  }
}

describe('what a client sends', () => {
  test('is refused here exactly when the gateway would refuse it', () => {
    const names = fc.oneof(name, length);
    const seq = fc.option(fc.oneof(fc.nat(), fc.constantFrom(-1, 0.5, 2 ** 53)), { nil: undefined });
    fc.assert(
      fc.property(names, names, fc.jsonValue(), seq, (to, id, body, counter) => {
        const refusedHere = refuses(() => checkNames({ to, id, seq: counter }));
        const packet = { type: 'msg:R', id, to, body, seq: counter };
        expect(decode(JSON.stringify(packet)).fault !== undefined).toBe(refusedHere);
        if (refusedHere) return;
        expect(JSON.parse(msgR({ id, to, bodyText: bodyToText(body), seq: counter }))).toEqual(
          JSON.parse(JSON.stringify(packet)),
        );
      }),
      { numRuns: 500 },
    );
  });

  test('lists, threads and times are checked as the gateway checks them', () => {
    const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
    const users = fc.array(fc.oneof(name, fc.constantFrom('bob', 'carol', 'dave')), { maxLength: 4 });
    const ttls = fc.oneof(fc.nat(), fc.constantFrom(-1, 0, 0.5, 1, 2_592_000, 2_592_001));
    fc.assert(
      fc.property(users, maybe(fc.oneof(name, length)), maybe(ttls), (to, thread, ttl) => {
        const fields = { id: 'm1', to, thread, ttl, read: true as const };
        const refusedHere = refuses(() => checkNames(fields));
        expect(decode(JSON.stringify({ type: 'msg:R', ...fields, body: 1 })).fault !== undefined).toBe(
          refusedHere,
        );
        if (refusedHere) return;
        const sent: unknown = JSON.parse(msgR({ ...fields, bodyText: '[1]' }));
        expect(sent).toEqual(JSON.parse(JSON.stringify({ type: 'msg:R', ...fields, body: [1] })));
      }),
      { numRuns: 500 },
    );
  });

  test('a device is checked as the gateway checks it', () => {
    fc.assert(
      fc.property(fc.oneof(name, length), (device) => {
        const fault = decode(JSON.stringify({ type: 'login:R', token: 't', device })).fault;
        expect(refuses(() => checkNames({ device }))).toBe(fault !== undefined);
      }),
    );
  });

  test.each([99, 100, 101, 150])('a body nested %s deep is judged as the gateway judges it', (depth) => {
    const shapes = [
      '['.repeat(depth) + ']'.repeat(depth),
      '{"a":'.repeat(depth) + '"]}\\"["' + '}'.repeat(depth),
      `[${'[{"b":'.repeat(Math.floor((depth - 1) / 2))}[]${'}]'.repeat(Math.floor((depth - 1) / 2))}]`,
    ];
    for (const text of shapes) {
      const body: unknown = JSON.parse(text);
      const fault = decode(JSON.stringify({ type: 'msg:R', id: 'm', to: 'b', body })).fault;
      expect(
        refuses(() => bodyToText(body)),
        text,
      ).toBe(fault !== undefined);
    }
  });

  test('its size is counted in bytes of UTF-8', () => {
    const wide = fc.string({ unit: fc.constantFrom('a', 'ä', '€', '😀', '\ud800'), maxLength: 50 });
    fc.assert(
      fc.property(wide, fc.nat(150), (text, limit) => {
        expect(fits(text, limit)).toBe(Buffer.byteLength(text) <= limit);
      }),
    );
  });
});
