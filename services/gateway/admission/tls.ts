import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Server as HttpServer } from 'node:http';
import { createSecureContext, Server as TlsServer, type TlsOptions } from 'node:tls';
import { ConfigError } from '#libs/runtime/config.ts';
import type { Logger } from '#libs/runtime/logger.ts';
import { repeat } from '#libs/runtime/repeat.ts';
import type { GatewayConfig } from '../config.ts';
import { tlsExpires } from '../metrics.ts';

type Files = Pick<GatewayConfig, 'TLS_CERT' | 'TLS_KEY'>;

/** Longest TLS handshake, milliseconds: many times what a slow phone needs. */
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** How often to look whether the files have changed, milliseconds: reading them takes a millisecond or two. */
const RELOAD_MS = 10_000;

/** A certificate and its key in PEM, with the rules of the handshake. */
export type Credentials = TlsOptions & { cert: string; key: string };

/**
 * The certificate and key that the gateway shows to its clients; undefined without TLS.
 *
 * @throws ConfigError that names the bad file and its fault
 */
export function readCredentials({ TLS_CERT, TLS_KEY }: Files): Credentials | undefined {
  if (TLS_CERT === undefined && TLS_KEY === undefined) return undefined;
  if (TLS_CERT === undefined || TLS_KEY === undefined)
    throw new ConfigError('TLS_CERT and TLS_KEY belong together: set both or neither');
  const cert = text('TLS_CERT', TLS_CERT);
  const key = text('TLS_KEY', TLS_KEY);
  const certificate = parsed(
    'TLS_CERT must be a file with a certificate in PEM',
    () => new X509Certificate(cert),
  );
  const secret = parsed('TLS_KEY must be a file with a private key in PEM, without a passphrase', () =>
    createPrivateKey(key),
  );
  if (!certificate.checkPrivateKey(secret))
    throw new ConfigError('TLS_KEY must be the key of the certificate in TLS_CERT');
  const credentials: Credentials = {
    cert,
    key,
    minVersion: 'TLSv1.2',
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
  };
  parsed('TLS_CERT and TLS_KEY cannot be used', () => createSecureContext(credentials));
  tlsExpires.set(certificate.validToDate.getTime() / 1_000);
  return credentials;
}

/**
 * Certificates are renewed while the gateway runs. Polls the files, because tools replace them in
 * different ways. New connections get the new certificate; unusable files change nothing.
 *
 * @returns stops
 */
export function followCredentials(
  server: HttpServer,
  config: Files,
  credentials: Credentials,
  log: Logger,
): () => Promise<void> {
  let { cert, key } = credentials;
  return repeat(RELOAD_MS, () => {
    try {
      const found = readCredentials(config);
      if (found && (found.cert !== cert || found.key !== key)) {
        ({ cert, key } = found);
        if (server instanceof TlsServer) server.setSecureContext(found);
        log.info('a new certificate is in use');
      }
    } catch (error) {
      log.warn({ err: error }, 'the certificate on disk cannot be used; the old one stays');
    }
    return Promise.resolve();
  });
}

function text(name: 'TLS_CERT' | 'TLS_KEY', path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError(`${name} cannot be read: ${error instanceof Error ? error.message : ''}`, {
      cause: error,
    });
  }
}

/** @param otherwise the error text; never holds the content of the file */
function parsed<T>(otherwise: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    throw new ConfigError(`${otherwise}${why}`, { cause: error });
  }
}
