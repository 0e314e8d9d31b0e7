import { address, certificates, integer } from '#libs/runtime/config.ts';
import { wantsWrites } from './database-servers.ts';

/** Settings of the services that use Postgres. */
export const storeConfig = {
  DATABASE_URL: address('postgres://127.0.0.1:5432/sixfold', 'postgres', 'postgresql').refine(wantsWrites, {
    error: 'may ask for target_session_attrs=read-write (or primary) only',
  }),
  /** Path of a PEM file: the CAs whose certificate the server must show, for the name in DATABASE_URL. */
  DATABASE_CA: certificates(),
  /** How long a statement may take, milliseconds; then its connection is given up, and it is tried again. */
  DATABASE_TIMEOUT_MS: integer(15_000, 1_000),
  /** How long a gateway counts as alive after its last sign of life, milliseconds. */
  GATEWAY_LEASE_MS: integer(15_000, 1_000, 600_000),
};
