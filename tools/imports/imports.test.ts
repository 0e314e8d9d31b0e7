import { describe, expect, test } from 'vitest';
import { REPOSITORY } from '../stack/environment.ts';
import { circlesOf } from './circles.ts';
import { importGraph, importsOf } from './graph.ts';

/** Files that import each other cannot be read, tested or moved one at a time. Imports of types count as well. */

const graph = importGraph(REPOSITORY, ['{libs,services,tools,test,web}/**/*.{ts,tsx,mjs}']);

test('no files of this repository import each other in a circle', () => {
  expect(circlesOf(graph).map((circle) => circle.join(' -> '))).toEqual([]);
}, 60_000);

test('the graph has relative imports, imports from libs, and imports of types', () => {
  expect(graph.get('services/gateway/packets.ts')).toEqual(
    expect.arrayContaining([
      'services/gateway/handlers/login.ts',
      'libs/protocol/decode.ts',
      'services/gateway/session.ts',
    ]),
  );
});

test.each([
  ['values', "import { a } from './a.ts';"],
  ['types', "import type { A } from './a.ts';"],
  ['values and types', "import { type A, a } from './a.ts';"],
  ['effects', "import './a.ts';"],
  ['later', "const a = await import('./a.ts');"],
  ['the type of a module', "type A = typeof import('./a.ts');"],
  ['what is exported again', "export { a } from './a.ts';"],
  ['types that are exported again', "export type { A } from './a.ts';"],
  ['all that is exported again', "export * from './a.ts';"],
])('imports of %s are found', (_, text) => {
  expect(importsOf(text)).toEqual(['./a.ts']);
});

describe('a circle is found', () => {
  test.each([
    ['of one file', { a: ['a'] }, [['a']]],
    ['of two files', { a: ['b'], b: ['a'] }, [['a', 'b']]],
    ['behind other files', { a: ['b'], b: ['c'], c: ['d'], d: ['b'] }, [['b', 'c', 'd']]],
    [
      'and a longer one through the same files',
      { a: ['b'], b: ['a', 'c'], c: ['a'] },
      [
        ['a', 'b'],
        ['a', 'b', 'c'],
      ],
    ],
  ])('%s', (_, imports, circles) => {
    expect(circlesOf(new Map(Object.entries(imports)))).toEqual(circles);
  });

  test('only where there is one: two ways to the same file are none', () => {
    const imports = { a: ['b', 'c'], b: ['d'], c: ['d'], d: [] };
    expect(circlesOf(new Map(Object.entries(imports)))).toEqual([]);
  });
});
