import { writeFileSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { expect, test } from 'vitest';
import { connectionString } from './connection-string.ts';

/** What pg makes of the address: the options of its TLS connection, or false. */
const tlsOf = (url: string, ca?: string) =>
  (
    new pg.Client({
      connectionString: connectionString({ DATABASE_URL: url, DATABASE_CA: ca }),
    }) as unknown as {
      connectionParameters: { ssl: unknown };
    }
  ).connectionParameters.ssl;

const URL = 'postgres://sixfold:pass%20word@db.example:5432/sixfold';

test('without a word about TLS there is none', () => {
  expect(tlsOf(URL)).toBe(false);
  expect(tlsOf(`${URL}?sslmode=disable`)).toBe(false);
  expect(connectionString({ DATABASE_URL: URL })).toBe(URL);
});

test.each(['prefer', 'require', 'verify-ca', 'verify-full', 'verify-ful', 'require&uselibpqcompat=true'])(
  'sslmode=%s checks the certificate and the name',
  (mode) => {
    expect(tlsOf(`${URL}?application_name=x&sslmode=${mode}`)).toEqual({});
  },
);

test('only no-verify checks nothing', () => {
  expect(tlsOf(`${URL}?sslmode=no-verify`)).toEqual({ rejectUnauthorized: false });
});

test.each(['', '?sslmode=disable', '?sslmode=no-verify', '?sslmode=require&uselibpqcompat=true', '?ssl=0'])(
  'a CA is used, and everything checked, whatever the address says: %s',
  (query) => {
    const ca = join(mkdtempSync(join(tmpdir(), 'sixfold-ca-')), 'the ca+.pem');
    writeFileSync(ca, 'certificate');
    expect(tlsOf(URL + query, ca)).toEqual({ ca: 'certificate' });
  },
);
