import { join } from 'node:path';
import express, { type RequestHandler, Router } from 'express';

/** Files whose names hold a hash of their content never change. */
const HASHED_FILES_MS = 31_536_000_000;

/**
 * Headers of a page of ours. Strict: scripts and styles from its own files only.
 *
 * @param connectTo other origins that its scripts may connect to
 */
export function pageHeaders(connectTo: readonly string[] = []): RequestHandler {
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    `connect-src ${["'self'", ...new Set(connectTo)].join(' ')}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  return (_request, response, next) => {
    response.set({
      'Content-Security-Policy': policy,
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Cross-Origin-Resource-Policy': 'same-origin',
      'Referrer-Policy': 'no-referrer',
      'X-Content-Type-Options': 'nosniff',
    });
    next();
  };
}

/** Answers must not be kept. */
export const noStore: RequestHandler = (_request, response, next) => {
  response.set('Cache-Control', 'no-store');
  next();
};

/** The files of a page that `npm run build:page` made in `folder`; while it is not built, `/` says so with 503. */
export function pageFiles(folder: string, headers: RequestHandler): Router {
  const router = Router({ caseSensitive: true, strict: true });
  router.get(['/', '/icon.svg'], headers, express.static(folder));
  const forever = { immutable: true, maxAge: HASHED_FILES_MS };
  router.use('/assets', headers, express.static(join(folder, 'assets'), forever));
  router.get('/', headers, (_request, response) => {
    response.status(503).type('text').send('The page is not built yet: npm run build:page\n');
  });
  return router;
}
