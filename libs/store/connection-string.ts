/** Where the database is, and whose certificates its server may show. */
export interface DatabaseAddress {
  DATABASE_URL: string;
  /** Path of a PEM file; set, the connection is encrypted, and the server proves its name. */
  DATABASE_CA?: string | undefined;
}

/** Modes of TLS that check nothing: taken as they are, since somebody wrote them down. */
const UNCHECKED = ['disable', 'no-verify'];

/**
 * The address as pg takes it. Whatever else it says about TLS means `verify-full`: encrypted, with a certificate of a
 * CA that we trust, for the name in the address. (pg does that for `require` too, but warns that its next version will
 * check nothing then. Options beside the address are no use: pg drops them when the address has an `sslmode`.)
 */
export function connectionString({ DATABASE_URL, DATABASE_CA }: DatabaseAddress): string {
  const [address = '', ...query] = DATABASE_URL.split('?');
  const parameters = new URLSearchParams(query.join('?'));
  const mode = parameters.get('sslmode');
  if (DATABASE_CA === undefined && (mode === null || UNCHECKED.includes(mode))) return DATABASE_URL;
  parameters.set('sslmode', 'verify-full');
  if (DATABASE_CA !== undefined) parameters.set('sslrootcert', DATABASE_CA);
  return `${address}?${parameters.toString()}`;
}
