import type { RequestHandler } from 'express';
import type { GatewayConfig } from '../config.ts';

/** Strict: own scripts and styles from files only, and connections to the gateways and the control endpoint only. */
export function securityHeaders({ DEMO_GATEWAYS, DEMO_CONTROL_URL }: GatewayConfig): RequestHandler {
  const others = [...DEMO_GATEWAYS, DEMO_CONTROL_URL].flatMap((url) => (url ? originOf(url) : []));
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    `connect-src ${["'self'", ...new Set(others)].join(' ')}`,
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

/** Not `URL.origin`, which is null for ws: addresses in some versions. */
function originOf(url: string): string {
  const { protocol, host } = new URL(url);
  return `${protocol}//${host}`;
}
