import type { RequestHandler } from 'express';
import { pageHeaders } from '#libs/runtime/page.ts';
import type { GatewayConfig } from '../config.ts';

/** Connections to the gateways and the control endpoint only. */
export const securityHeaders = ({ DEMO_GATEWAYS, DEMO_CONTROL_URL }: GatewayConfig): RequestHandler =>
  pageHeaders([...DEMO_GATEWAYS, DEMO_CONTROL_URL].flatMap((url) => (url ? originOf(url) : [])));

/** Not `URL.origin`, which is null for ws: addresses in some versions. */
function originOf(url: string): string {
  const { protocol, host } = new URL(url);
  return `${protocol}//${host}`;
}
