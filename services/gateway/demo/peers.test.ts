import { expect, test } from 'vitest';
import { readGatewayConfig } from '../config.ts';
import { ClientAddresses } from '../admission/addresses.ts';
import { isDemoPeer } from './peers.ts';

function isPeer(
  remoteAddress: string,
  headers: Record<string, string>,
  env: NodeJS.ProcessEnv = {},
): boolean {
  const config = readGatewayConfig({ AUTH_SECRET: 's'.repeat(32), ...env });
  const request = { socket: { remoteAddress }, headers };
  return isDemoPeer(request, new ClientAddresses(config.TRUSTED_PROXIES), config.DEMO_PEERS);
}

const host = '127.0.0.1:8080';

test.each(['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1'])('%s is this machine', (address) => {
  expect(isPeer(address, { host })).toBe(true);
});

test.each(['10.0.0.1', '::ffff:192.168.0.7', '2001:db8::1', ''])('%j is not', (address) => {
  expect(isPeer(address, { host })).toBe(false);
});

test.each([
  ['localhost:8080', true],
  ['[::1]:8080', true],
  ['rebound.example:8080', false],
  ['127.0.0.1.example', false],
])('a page opened as %s: %j', (name, allowed) => {
  expect(isPeer('127.0.0.1', { host: name })).toBe(allowed);
});

test('the word of a proxy counts only if it is trusted', () => {
  const headers = { host, 'x-forwarded-for': '203.0.113.5' };
  expect(isPeer('127.0.0.1', headers)).toBe(true);
  expect(isPeer('127.0.0.1', headers, { TRUSTED_PROXIES: '127.0.0.1' })).toBe(false);
});

test('DEMO_PEERS opens it for other networks, under any name', () => {
  const env = { DEMO_PEERS: '192.168.0.0/16' };
  expect(isPeer('192.168.0.7', { host: 'desk.local' }, env)).toBe(true);
  expect(isPeer('127.0.0.1', { host }, env)).toBe(false);
});
