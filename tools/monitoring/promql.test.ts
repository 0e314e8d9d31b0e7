import { expect, test } from 'vitest';
import { selectors } from './promql.ts';

test.each([
  ['up', ['up']],
  ['sum by (le) (rate(a_bucket[5m])) > 0.5', ['a_bucket']],
  ['a{x="1", y=~"b|c"} / on (x) group_left (y) b offset 1d', ['a', 'b']],
  ['histogram_quantile(0.99, a:b:c{job="or"}) and count(d == 0) or vector(0)', ['a:b:c', 'd']],
  ['a > 0 and a - time() < 7 * 86400', ['a', 'a']],
  ['rate(a{le="+Inf"}[$__rate_interval]) unless b', ['a', 'b']],
])('%s', (expression, names) => {
  expect(selectors(expression).map(({ name }) => name)).toEqual(names);
});

test.each([
  ['a{q="x.y"}', 'x.y', true],
  ['a{q="x.y"}', 'xzy', false],
  ['a{q!="x"}', 'y', true],
  [String.raw`a{q=~"x\\.\\d+"}`, 'x.7', true],
  [String.raw`a{q=~"x\\.\\d+"}`, 'x.7b', false],
  ['a{q!~"x|y"}', 'y', false],
])('%s for %s: %s', (expression, value, matches) => {
  expect(selectors(expression)[0]?.matchers.map((matcher) => matcher.matches(value))).toEqual([matches]);
});
