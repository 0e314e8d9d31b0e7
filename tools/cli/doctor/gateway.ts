import { request } from 'node:http';
import { request as requestTls } from 'node:https';
import { SUBPROTOCOL } from '../../../libs/protocol/limits.ts';
import { httpUrl } from '../target/gateway-url.ts';
import { Findings, said } from './finding.ts';

const TIMEOUT_MS = 5_000;

/** Asks a gateway whether it lives, is ready, and takes WebSockets. */
export async function checkGateway(url: string): Promise<Findings> {
  const findings = new Findings(url);
  const base = httpUrl(url);
  const ready = await get(`${base}/readyz`).catch((error: unknown) => said(error));
  if (typeof ready === 'string') {
    findings.problem(
      `cannot be reached (${ready})`,
      'Start the gateway, or check address, port, firewall and certificate.',
    );
    return findings;
  }
  if (ready.status === 200) findings.ok('lives and is ready');
  else if (ready.status === 503)
    findings.problem(
      `is not ready: ${ready.text.trim().split('\n').join(', ').slice(0, 200)}`,
      'Check its broker and that a routing instance runs: without a lease a gateway lets nobody in.',
    );
  else
    findings.warning(
      `answers /readyz with ${ready.status}`,
      'If a proxy hides the probes, that is right; else check that this is a gateway.',
    );
  await checkUpgrade(url, findings);
  return findings;
}

async function checkUpgrade(url: string, findings: Findings): Promise<void> {
  const status = await upgrade(url).catch((error: unknown) => said(error));
  if (status === 101) findings.ok(`takes WebSockets (${SUBPROTOCOL})`);
  else if (typeof status === 'string')
    findings.problem(`a WebSocket failed (${status})`, 'Check what is between here and the gateway.');
  else findings.problem(`refuses a WebSocket with HTTP ${status}`, UPGRADE_ADVICE[status] ?? DEFAULT_ADVICE);
}

const DEFAULT_ADVICE = 'Check the path (/ws), and that proxies pass on the headers Upgrade and Connection.';
const UPGRADE_ADVICE: Readonly<Record<number, string>> = {
  403: 'Check ALLOWED_ORIGINS of the gateway.',
  429: 'Too many connections come from this address: check the limits and TRUSTED_PROXIES of the gateway.',
  503: 'The gateway is not ready, or full: see its /readyz.',
};

async function get(url: string): Promise<{ status: number; text: string }> {
  const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS), redirect: 'manual' });
  return { status: response.status, text: await response.text() };
}

/** Asks for a WebSocket, and lets it go. @returns the HTTP status */
function upgrade(url: string): Promise<number> {
  const address = new URL(url.replace(/^ws/, 'http'));
  const start = address.protocol === 'https:' ? requestTls : request;
  const headers = {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Key': 'ZG9jdG9yIG9mIHNpeGZvbA==',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Protocol': SUBPROTOCOL,
  };
  return new Promise((resolve, reject) => {
    const asked = start(address, { headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
    asked.on('error', reject);
    asked.on('response', (response) => {
      response.destroy();
      resolve(response.statusCode ?? 0);
    });
    asked.on('upgrade', (response, socket) => {
      socket.on('error', () => undefined).destroy();
      resolve(response.statusCode ?? 0);
    });
    asked.end();
  });
}
