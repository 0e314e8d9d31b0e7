import type { RequestHandler } from 'express';

/** How long a browser may remember the answer to a preflight, seconds. */
const MAX_AGE_S = 600;

/**
 * Lets web pages of these origins read the answers (PROTOCOL: the same over HTTP, CORS). Without origins no page may.
 * Other clients need no such headers, and other pages cannot send a token without the preflight.
 */
export function allowOrigins(origins: readonly string[] = []): RequestHandler {
  return (request, response, next) => {
    const { origin } = request.headers;
    if (origins.length > 0) response.vary('Origin');
    if (origin !== undefined && origins.includes(origin.toLowerCase())) {
      response.set({ 'Access-Control-Allow-Origin': origin, 'Access-Control-Expose-Headers': 'Retry-After' });
      if (request.method === 'OPTIONS')
        response.set({
          'Access-Control-Allow-Methods': 'GET, POST, DELETE',
          'Access-Control-Allow-Headers': 'Authorization, Content-Type',
          'Access-Control-Max-Age': String(MAX_AGE_S),
        });
    }
    next();
  };
}
