import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../testkit/seeded-random.ts';
import { readFrames } from './frames.ts';
import { cut, mutateBytes, mutateJson } from './mutate.ts';
import { scriptOf } from './scripts.ts';

const packet = { type: 'msg:R', id: 'm1', to: 'bob', body: { a: [1, 2, { b: null }] } };
const users = [{ user: 'hostile-1', token: 'a.b.c' }];
const seeds = Array.from({ length: 200 }, (_, seed) => seed);

describe('the same seed', () => {
  test.each([1, 2, 3, 4, 5])('%i does the same', (seed) => {
    const twice = <T>(make: (random: SeededRandom) => T) =>
      [make(new SeededRandom(seed)), make(new SeededRandom(seed))] as const;
    for (const make of [
      (random: SeededRandom) => mutateBytes(random, Buffer.from('0123456789')).toString('hex'),
      (random: SeededRandom) => mutateJson(random, packet),
      (random: SeededRandom) => JSON.stringify(scriptOf(random, users)),
    ]) {
      const [first, second] = twice(make);
      expect(first).toBe(second);
    }
  });
});

test('seeds differ, and what they do is both JSON and none', () => {
  const texts = seeds.map((seed) => mutateJson(new SeededRandom(seed), packet));
  expect(new Set(texts).size).toBeGreaterThan(seeds.length / 2);
  const isJson = (text: string) => {
    try {
      JSON.parse(text);
      return true;
    } catch {
      return false;
    }
  };
  const readable = texts.filter(isJson).length;
  expect(readable).toBeGreaterThan(seeds.length / 2);
  expect(readable).toBeLessThan(seeds.length);
});

test('pieces make up the whole', () => {
  const bytes = Buffer.from('the whole of it');
  for (const seed of seeds) expect(Buffer.concat(cut(new SeededRandom(seed), bytes))).toEqual(bytes);
});

describe('readFrames', () => {
  test('takes whole frames, and leaves the rest', () => {
    const bytes = Buffer.from([0x81, 2, 0x68, 0x69, 0x89, 0, 0x81, 5, 0x61]);
    const { frames, rest } = readFrames(bytes);
    expect(frames.map(({ opcode, payload }) => [opcode, payload.toString()])).toEqual([
      [1, 'hi'],
      [9, ''],
    ]);
    expect(rest).toEqual(Buffer.from([0x81, 5, 0x61]));
  });

  test.each([
    ['a masked frame', [0x81, 0x80, 0, 0, 0, 0]],
    ['a compressed frame', [0xc1, 0]],
    ['a frame that is not the last', [0x01, 0]],
    ['a binary frame', [0x82, 0]],
  ])('refuses %s, which ours never sends', (_what, bytes) => {
    expect(() => readFrames(Buffer.from(bytes))).toThrow(/a frame with/);
  });
});
