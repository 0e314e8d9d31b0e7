import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bodyFault, isJson, memberText } from './json.ts';
import { MAX_BODY_DEPTH } from './limits.ts';

const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);

describe('bodyFault', () => {
  test.each(['null', '0', '-0', '1e308', '"\\u0000\\ud800"', '[]', '{"a":[{}]}', nested(MAX_BODY_DEPTH)])(
    'accepts %s',
    (text) => expect(bodyFault(JSON.parse(text))).toBeUndefined(),
  );
  test.each(['1e400', '-1e400', '{"a":[1,1e999]}'])('refuses %s, which is no finite double', (text) =>
    expect(bodyFault(JSON.parse(text))).toMatch(/double/),
  );
  test('refuses nesting one deeper than the limit, in arrays and in objects', () => {
    expect(bodyFault(JSON.parse(nested(MAX_BODY_DEPTH + 1)))).toMatch(/deeper than 100/);
    const objects = '{"a":'.repeat(MAX_BODY_DEPTH) + '[]' + '}'.repeat(MAX_BODY_DEPTH);
    expect(bodyFault(JSON.parse(objects))).toMatch(/deeper than 100/);
  });
});

describe('memberText', () => {
  test.each([
    ['{"body":-0}', '-0'],
    ['{ "id" : "x" , "body" :  [1, "}" , {"body":2}]  , "seq":1 }', '[1, "}" , {"body":2}]'],
    ['{"body":1,"body":"2,\\"}"}', '"2,\\"}"'],
    ['{"b\\u006fdy":true}', 'true'],
    ['{"a":{"body":1},"body":null}', 'null'],
    ['{"body":"\\\\"}', '"\\\\"'],
  ])('finds the body of %s', (text, body) => expect(memberText(text, 'body')).toBe(body));

  test('is undefined where there is none', () => {
    expect(memberText('{}', 'body')).toBeUndefined();
    expect(memberText('{"a":"body"}', 'body')).toBeUndefined();
  });

  test('agrees with JSON.parse on any object, written with and without white space', () => {
    fc.assert(
      fc.property(
        fc.jsonValue(),
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.constantFrom(0, 2),
        (body, rest, space) => {
          const text = JSON.stringify({ ...rest, body, after: 1 }, null, space);
          expect(JSON.parse(memberText(text, 'body') ?? '')).toEqual(JSON.parse(JSON.stringify(body)));
        },
      ),
    );
  });
});

test('a body is too deep exactly if its brackets are', () => {
  const value = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 5 },
      fc.constantFrom<unknown>(1, 'x]{', null),
      fc.array(tie('value'), { maxLength: 2 }),
      fc.dictionary(fc.constantFrom('a', '['), tie('value'), { maxKeys: 2 }),
    ),
  })).value;
  /** Deepest nesting, counted the plain way: brackets outside of strings. */
  const depth = (text: string) => {
    let [now, deepest] = [0, 0];
    for (const character of text.replaceAll(/"(?:[^"\\]|\\.)*"/g, '')) {
      if ('[{'.includes(character)) deepest = Math.max(deepest, ++now);
      if (']}'.includes(character)) now--;
    }
    return deepest;
  };
  fc.assert(
    fc.property(value, fc.integer({ min: 90, max: 105 }), (inside, more) => {
      const text = '['.repeat(more) + JSON.stringify(inside) + ']'.repeat(more);
      expect(bodyFault(JSON.parse(text)) !== undefined).toBe(depth(text) > MAX_BODY_DEPTH);
    }),
    { numRuns: 500 },
  );
});

test.each([
  ['', false],
  [' {} ', true],
  ['1 2', false],
  ['"\u0001"', false],
  ['1e999', true],
])('isJson(%j) is %s', (text, expected) => expect(isJson(text)).toBe(expected));
