import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ADMIN_CODES } from './errors.ts';

test('every code stands in docs/OPERATIONS.md, in this order, and no other', () => {
  const text = readFileSync(new URL('../../docs/OPERATIONS.md', import.meta.url), 'utf8');
  const [, table = ''] = text.split(/^\| Code .*$/m);
  const rows = table.split(/\n\n/)[0] ?? '';
  expect([...rows.matchAll(/^\| `(\w+)`/gm)].map(([, code]) => code)).toEqual(Object.keys(ADMIN_CODES));
});
