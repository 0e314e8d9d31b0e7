import { expect, test } from 'vitest';
import { readConfig } from '#libs/runtime/config.ts';
import { storeConfig } from './config.ts';
import { DatabaseServers } from './database-servers.ts';

/** What pg would be told, server by server. */
function addresses(DATABASE_URL: string): string[] {
  const servers = new DatabaseServers({ DATABASE_URL });
  return Array.from({ length: servers.count }, () => {
    const { address, turn } = servers.current;
    servers.leave(turn);
    return address;
  });
}

test.each([
  ['postgres://127.0.0.1:5432/sixfold', ['postgres://127.0.0.1:5432/sixfold']],
  [
    'postgresql://u:p%40@one:5432,two:5433/sixfold?application_name=a,b',
    [
      'postgresql://u:p%40@one:5432/sixfold?application_name=a,b',
      'postgresql://u:p%40@two:5433/sixfold?application_name=a,b',
    ],
  ],
  [
    'postgres://u:a,b@[::1]:1,[::2],three',
    ['postgres://u:a,b@[::1]:1', 'postgres://u:a,b@[::2]', 'postgres://u:a,b@three'],
  ],
  ['postgres:///sixfold?host=/run/postgresql', ['postgres:///sixfold?host=/run/postgresql']],
])('%s', (url, each) => {
  expect(addresses(url)).toEqual(each);
});

test('every one of several servers has to prove its own name', () => {
  expect(addresses('postgres://one,two/sixfold?sslmode=require')).toEqual([
    'postgres://one/sixfold?sslmode=verify-full',
    'postgres://two/sixfold?sslmode=verify-full',
  ]);
});

test('one that was of no use is left once, by however many connections; after the last comes the first again', () => {
  const servers = new DatabaseServers({ DATABASE_URL: 'postgres://one,two/x' });
  const { turn } = servers.current;
  servers.leave(turn);
  servers.leave(turn);
  expect(servers.current.address).toBe('postgres://two/x');
  servers.leave(servers.current.turn);
  expect(servers.current.address).toBe('postgres://one/x');
});

const read = (query: string) => () =>
  readConfig(storeConfig, { DATABASE_URL: `postgres://u:secret@one,two/x${query}` });

test.each(['', '?target_session_attrs=read-write', '?sslmode=disable&target_session_attrs=primary'])(
  'taken as it is: %s',
  (query) => expect(read(query)).not.toThrow(),
);

test.each(['any', 'standby', 'read-only', 'prefer-standby', ''])(
  'refused: target_session_attrs=%s',
  (value) => {
    expect(read(`?target_session_attrs=${value}`)).toThrow(
      /DATABASE_URL may ask for target_session_attrs=read-write/,
    );
  },
);
