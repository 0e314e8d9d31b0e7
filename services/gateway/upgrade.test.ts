import { describe, expect, test } from 'vitest';
import { refusalOf } from './upgrade.ts';

/** More of it, as bytes on a real socket: test/hostile/requests.ts. */

const headers = {
  host: 'example.org',
  upgrade: 'websocket',
  connection: 'Upgrade',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  'sec-websocket-version': '13',
};
const good = { method: 'GET', url: '/ws', httpVersion: '1.1', headers, headersDistinct: { host: ['a'] } };
const refusal = (over: Partial<typeof good>, extra: Record<string, string> = {}) =>
  refusalOf({ ...good, ...over, headers: { ...headers, ...extra } })?.status.slice(0, 3);

describe('refusalOf', () => {
  test('lets an ordinary upgrade pass', () => {
    expect(refusal({})).toBeUndefined();
    expect(refusal({ url: '/ws?a=b?c' }, { upgrade: 'WebSocket', 'content-length': '0' })).toBeUndefined();
    expect(refusal({}, { 'sec-websocket-protocol': 'mqtt , sixfold.v1' })).toBeUndefined();
  });

  test.each<[string, string, Partial<typeof good>, Record<string, string>?]>([
    ['another version of HTTP', '505', { httpVersion: '1.0' }],
    ['two hosts', '400', { headersDistinct: { host: ['a', 'b'] } }],
    ['a body', '400', {}, { 'content-length': '5' }],
    ['a body of odd length', '400', {}, { 'content-length': 'x' }],
    ['a body in chunks', '400', {}, { 'transfer-encoding': 'chunked' }],
    ['another path', '404', { url: '/ws/' }],
    ['another method', '405', { method: 'POST' }],
    ['another protocol', '400', {}, { upgrade: 'h2c' }],
    ['another version of WebSocket', '426', {}, { 'sec-websocket-version': '8' }],
    ['a bad key', '400', {}, { 'sec-websocket-key': 'x' }],
    ['only other subprotocols', '400', {}, { 'sec-websocket-protocol': 'mqtt' }],
    ['a subprotocol twice', '400', {}, { 'sec-websocket-protocol': 'sixfold.v1, sixfold.v1' }],
  ])('refuses %s with %s', (_what, status, over, extra) => {
    expect(refusal(over, extra)).toBe(status);
  });
});
