import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Heap } from './heap.ts';

test('always gives the smallest of what is in it', () => {
  const step = fc.oneof(fc.integer({ min: -50, max: 50 }), fc.constant('pop' as const));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const heap = new Heap<number>((item) => item);
      const model: number[] = [];
      for (const next of steps) {
        if (next === 'pop') expect(heap.pop()).toBe(model.shift());
        else {
          heap.push(next);
          model.push(next);
          model.sort((a, b) => a - b);
        }
        expect(heap.peek()).toBe(model[0]);
      }
    }),
  );
});

test('is empty when cleared', () => {
  const heap = new Heap<number>((item) => item);
  heap.push(1);
  heap.clear();
  expect(heap.pop()).toBeUndefined();
});
