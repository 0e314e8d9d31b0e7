import { expect, test } from 'vitest';
import { explain } from './failure.ts';

test.for([
  Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' }),
  new Error('EDQUOT: disk quota exceeded, open'),
  new Error('postgres: …\nFATAL:  could not write lock file "postmaster.pid": No space left on device'),
  new Error('rabbitmq: …\n{error,enospc}'),
])('a full disk is called one: %s', (error) => {
  expect(explain(error)).toMatch(/^(?<message>.+)\nThe disk is full. Make room, then start again/s);
  expect(explain(error)).toContain(error.message);
});

test('any other error says what it says', () => {
  expect(explain(new Error('Port 8080 is taken'))).toBe('Port 8080 is taken');
  expect(explain('text')).toBe('text');
});
