import { expect, test } from 'vitest';
import { partsOf, targetsOf } from './targets.ts';

const partsIn = (text: string, addresses: Record<string, string[]> = {}) =>
  partsOf(targetsOf(text) ?? [], (host) => Promise.resolve(addresses[host] ?? []));

test('an address is one process, with the name that it was given', async () => {
  expect(await partsIn(' gateway-1=http://127.0.0.1:8080, https://[::1]:9000 ,')).toEqual([
    { name: 'gateway-1', http: 'http://127.0.0.1:8080' },
    { name: '[::1]', http: 'https://[::1]:9000' },
  ]);
});

test('every address of a DNS name is a process', async () => {
  const addresses = { gateway: ['10.0.0.2', '10.0.0.1'], ack: ['fd00::1'] };
  expect(await partsIn('http://gateway:8080,http://ack:8080', addresses)).toEqual([
    { name: 'gateway 10.0.0.1', http: 'http://10.0.0.1:8080' },
    { name: 'gateway 10.0.0.2', http: 'http://10.0.0.2:8080' },
    { name: 'ack', http: 'http://[fd00::1]:8080' },
  ]);
});

test('a name without an address is still shown', async () => {
  expect(await partsIn('http://routing:8080')).toEqual([{ name: 'routing', http: 'http://routing:8080' }]);
});

test.each(['gateway:8080', 'ftp://gateway', 'http://u:p@gateway', 'http://gateway/metrics', 'x'])(
  '%s is refused',
  (text) => {
    expect(targetsOf(text)).toBeUndefined();
  },
);
