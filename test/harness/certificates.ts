import { execFile } from 'node:child_process';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Files in PEM: a certificate authority of the test's own, and what it has signed for a server. */
export interface Certificates {
  ca: string;
  cert: string;
  key: string;
}

const openssl = (...args: string[]) => promisify(execFile)('openssl', args);
const newKey = (file: string) =>
  ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', file] as const;

/**
 * Makes a certificate authority, and a certificate for `host` by it.
 *
 * @param name begins the names of the files in `folder`
 */
export async function makeCertificates(folder: string, name: string, host: string): Promise<Certificates> {
  const file = (what: string) => join(folder, `${name}-${what}.pem`);
  const [ca, caKey, cert, key] = [file('ca'), file('ca-key'), file('cert'), file('key')];
  const request = ['req', '-x509', '-days', '2'];
  await openssl(...request, '-subj', `/CN=${name} CA`, ...newKey(caKey), '-out', ca);
  const server = ['-subj', `/CN=${host}`, '-addext', `subjectAltName=${isIP(host) ? 'IP' : 'DNS'}:${host}`];
  await openssl(...request, '-CA', ca, '-CAkey', caKey, ...server, ...newKey(key), '-out', cert);
  return { ca, cert, key };
}
