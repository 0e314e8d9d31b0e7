import { describe, expect, test } from 'vitest';
import { upgradeFault, type UpgradeFault } from './upgrade.ts';

/** More of it, as bytes on a real socket: test/hostile/requests.ts. */

const headers = {
  host: 'example.org',
  upgrade: 'websocket',
  connection: 'Upgrade',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  'sec-websocket-version': '13',
};
const good = { method: 'GET', url: '/ws', httpVersion: '1.1', headers, headersDistinct: { host: ['a'] } };
const fault = (over: Partial<typeof good>, extra: Record<string, string> = {}) =>
  upgradeFault({ ...good, ...over, headers: { ...headers, ...extra } });

describe('faultOf', () => {
  test('lets an ordinary upgrade pass', () => {
    expect(fault({})).toBeUndefined();
    expect(fault({ url: '/ws?a=b?c' }, { upgrade: 'WebSocket', 'content-length': '0' })).toBeUndefined();
    expect(fault({}, { 'sec-websocket-protocol': 'mqtt , sixfold.v1' })).toBeUndefined();
  });

  test.each<[string, UpgradeFault, Partial<typeof good>, Record<string, string>?]>([
    ['another version of HTTP', 'http_version', { httpVersion: '1.0' }],
    ['two hosts', 'bad_upgrade', { headersDistinct: { host: ['a', 'b'] } }],
    ['a body', 'bad_upgrade', {}, { 'content-length': '5' }],
    ['a body of odd length', 'bad_upgrade', {}, { 'content-length': 'x' }],
    ['a body in chunks', 'bad_upgrade', {}, { 'transfer-encoding': 'chunked' }],
    ['another path', 'path', { url: '/ws/' }],
    ['another method', 'method', { method: 'POST' }],
    ['another protocol', 'bad_upgrade', {}, { upgrade: 'h2c' }],
    ['another version of WebSocket', 'version', {}, { 'sec-websocket-version': '8' }],
    ['a bad key', 'bad_upgrade', {}, { 'sec-websocket-key': 'x' }],
    ['only other subprotocols', 'subprotocol', {}, { 'sec-websocket-protocol': 'mqtt' }],
    ['a subprotocol twice', 'subprotocol', {}, { 'sec-websocket-protocol': 'sixfold.v1, sixfold.v1' }],
  ])('refuses %s: %s', (_what, expected, over, extra) => {
    expect(fault(over, extra)).toBe(expected);
  });
});
