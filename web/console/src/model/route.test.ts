import { expect, test } from 'vitest';
import { hashOf, loginOf, routeOf } from './route.ts';

test('an address leads where it came from', () => {
  const params = { from: 'alice@example.com', id: 'm 1&2' };
  expect(routeOf(hashOf('trace', params))).toEqual({ view: 'trace', params });
  expect(hashOf('users', { user: '' })).toBe('#/users');
});

test.each(['', '#', '#/nowhere', '#/../x', '#token=abc'])('%j leads to the overview', (hash) => {
  expect(routeOf(hash).view).toBe('overview');
});

test('the address that npm run console prints logs in', () => {
  expect(loginOf('#token=a-b_c&as=root')).toEqual({ token: 'a-b_c', operator: 'root' });
  expect(loginOf('#/users?token=x')).toBeUndefined();
});
