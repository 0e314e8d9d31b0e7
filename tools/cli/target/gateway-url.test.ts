import { expect, test } from 'vitest';
import { gatewayUrl, httpUrl } from './gateway-url.ts';

test.each([
  ['ws://host:8080/ws', 'ws://host:8080/ws'],
  ['wss://chat.example', 'wss://chat.example/ws'],
  ['https://chat.example/', 'wss://chat.example/ws'],
  ['http://host:8080', 'ws://host:8080/ws'],
  ['localhost:8080', 'ws://localhost:8080/ws'],
  ['wss://chat.example/path/ws?region=eu', 'wss://chat.example/path/ws?region=eu'],
])('%s is %s', (text, url) => {
  expect(gatewayUrl(text)).toBe(url);
});

test.each(['', 'ftp://host', 'ws://', 'ws://user:secret@host'])('"%s" is refused', (text) => {
  expect(() => gatewayUrl(text)).toThrow(/\.$/);
});

test('HTTP is at the same host and port', () => {
  expect([httpUrl('ws://host:8080/ws'), httpUrl('wss://chat.example/ws')]).toEqual([
    'http://host:8080',
    'https://chat.example',
  ]);
});
