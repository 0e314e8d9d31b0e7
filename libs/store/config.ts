import { address, certificates, integer } from '#libs/runtime/config.ts';
import { wantsWrites } from './database-servers.ts';

/** Settings of the services that use Postgres. */
export const storeConfig = {
  DATABASE_URL: address('postgres://127.0.0.1:5432/sixfold', 'postgres', 'postgresql')
    .refine(wantsWrites, {
      error: 'may ask for target_session_attrs=read-write (or primary) only',
    })
    .meta({
      description:
        'PostgreSQL. Of several servers (`postgres://USER:PASSWORD@one:5432,two:5432/sixfold`) the one that takes writes ' +
        'is used: [a standby that takes over](OPERATIONS.md#a-standby-that-takes-over). The services create and migrate ' +
        'their tables at start, also when several start at once.',
    }),
  DATABASE_CA: certificates().meta({
    description:
      'Path of a PEM file with CAs. The server must show a certificate that one of them signed, for its name in ' +
      '`DATABASE_URL`; the connection is then encrypted whatever `sslmode` says. Without it, `sslmode=verify-full` in the ' +
      'address does the same with the CAs that Node knows. [Transport](SECURITY.md#transport).',
  }),
  DATABASE_TIMEOUT_MS: integer(15_000, 1_000).meta({
    unit: 'ms',
    description:
      'Longest statement. Then its connection is given up and the statement tried again: so a connection that broke ' +
      'silently is noticed.',
  }),
};
