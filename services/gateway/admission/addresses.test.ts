import { expect, test } from 'vitest';
import { ClientAddresses, parseNetworks, addressGroup } from './addresses.ts';

const PROXIES = '10.0.0.0/8, 192.0.2.7,2001:db8:1::/48';

function address(peer: string, forwarded?: string, proxies: string | undefined = PROXIES): string {
  const addresses = new ClientAddresses(proxies === '' ? undefined : parseNetworks(proxies));
  const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded };
  return addresses.of({ socket: { remoteAddress: peer }, headers });
}

test.each([
  ['no proxy is trusted by default', '10.0.0.1', '1.1.1.1', '', '10.0.0.1'],
  ['a stranger names nobody', '198.51.100.9', '1.1.1.1', PROXIES, '198.51.100.9'],
  ['a neighbour of a trusted address neither', '192.0.2.8', '1.1.1.1', PROXIES, '192.0.2.8'],
  ['a trusted proxy names its client', '10.0.0.1', '198.51.100.9', PROXIES, '198.51.100.9'],
  ['one that names nobody is the client', '10.0.0.1', undefined, PROXIES, '10.0.0.1'],
  [
    'what the client wrote itself does not count',
    '10.0.0.1',
    '1.1.1.1, 198.51.100.9',
    PROXIES,
    '198.51.100.9',
  ],
  ['not even as a proxy of ours', '10.0.0.1', '10.9.9.9,198.51.100.9', PROXIES, '198.51.100.9'],
  ['proxies behind proxies', '10.0.0.1', '1.1.1.1,198.51.100.9, 192.0.2.7,10.0.0.2', PROXIES, '198.51.100.9'],
  ['only proxies: the first of them', '10.0.0.1', '192.0.2.7, 10.0.0.2', PROXIES, '192.0.2.7'],
  ['no address: the proxy', '10.0.0.1', 'unknown', PROXIES, '10.0.0.1'],
  ['an empty element: the proxy', '10.0.0.1', '198.51.100.9,', PROXIES, '10.0.0.1'],
  ['no address behind a proxy of ours: the peer', '10.0.0.1', '1.1.1.1,x,10.0.0.2', PROXIES, '10.0.0.1'],
  [
    'something unreadable further left is not reached',
    '10.0.0.1',
    '<x>,198.51.100.9',
    PROXIES,
    '198.51.100.9',
  ],
  ['a port is no part of the address', '10.0.0.1', '198.51.100.9:4711', PROXIES, '198.51.100.9'],
  ['nor in IPv6', '10.0.0.1', '[2001:db8::1]:4711', PROXIES, '2001:db8:0:0::/64'],
  ['an IPv4 proxy on an IPv6 socket', '::ffff:10.0.0.1', '198.51.100.9', PROXIES, '198.51.100.9'],
  ['an IPv6 proxy', '2001:db8:1:2::3', '2001:db8:7::1', PROXIES, '2001:db8:7:0::/64'],
])('%s', (_, peer, forwarded, proxies, expected) => {
  expect(address(peer, forwarded, proxies)).toBe(expected);
});

test.each([
  ['198.51.100.9', '198.51.100.9'],
  ['::ffff:198.51.100.9', '198.51.100.9'],
  ['::ffff:c633:6409', '198.51.100.9'],
  ['2001:DB8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::', '2001:db8:1:2::/64'],
  ['2001:db8:1:2:ffff::1', '2001:db8:1:2::/64'],
  ['2001:db8::2:0:0:1', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['::2:3:4:5:6:7:8', '0:2:3:4::/64'],
  ['1::8', '1:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
])('%s counts as %s', (given, expected) => {
  expect(addressGroup(given)).toBe(expected);
});

test.each([
  '',
  'localhost',
  '10.0.0.0/33',
  '10.0.0.0/x',
  '10.0.0.0/',
  '10.0.0.0/8/8',
  '1.2.3',
  '10.0.0.1,',
  '::/129',
])('%j names no networks', (text) => {
  expect(parseNetworks(text)).toBeUndefined();
});
