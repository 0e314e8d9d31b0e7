import { request, UPGRADE } from '../../tools/fuzz/wire.ts';

/** Requests as data: the bytes (Latin-1), and the HTTP status that they get; `none` for a connection that just ends. */
export type HostileRequest = readonly [what: string, bytes: string, status: number | 'none'];

/** The upgrade with one of its lines replaced, or (by an empty text) left out. */
function but(name: string, ...lines: string[]): string {
  const at = UPGRADE.findIndex((line) => line.startsWith(name));
  if (at < 0) throw new Error(`no line of the upgrade begins with ${name}`);
  return request(UPGRADE.toSpliced(at, 1, ...lines));
}
const and = (...lines: string[]) => request([...UPGRADE, ...lines]);
const good = request(UPGRADE);

export const REQUESTS: readonly HostileRequest[] = [
  ['an ordinary upgrade', good, 101],
  ['a query', but('GET', 'GET /ws?token=secret HTTP/1.1'), 101],
  ['a body of length 0', and('Content-Length: 0'), 101],
  ['compression offered', and('Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits'), 101],
  ['garbage for extensions', and('Sec-WebSocket-Extensions: ;;=,"'), 101],
  // Smuggling: what follows would be frames to us, and a request to somebody else.
  ['both lengths', `${and('Content-Length: 5', 'Transfer-Encoding: chunked')}0\r\n\r\n`, 400],
  ['two lengths', `${and('Content-Length: 5', 'Content-Length: 6')}hello`, 400],
  ['a negative length', and('Content-Length: -1'), 400],
  ['a length that is no number', and('Content-Length: 0x5'), 400],
  ['a body', `${and('Content-Length: 5')}hello`, 400],
  ['a body that is to come', and('Content-Length: 5'), 400],
  ['a chunked body', `${and('Transfer-Encoding: chunked')}5\r\nhello\r\n0\r\n\r\n`, 400],
  ['a chunked body, spelled oddly', and('Transfer-Encoding: xchunked'), 400],
  ['a request as body', `${and(`Content-Length: ${good.length}`)}${good}`, 400],
  ['bare line feeds', good.replaceAll('\r\n', '\n'), 400],
  ['one bare line feed', good.replace('127.0.0.1\r\n', '127.0.0.1\n'), 400],
  ['a bare carriage return', and('X: a\rContent-Length: 5'), 400],
  ['a folded header', and('X: a', ' b'), 400],
  ['a folded key', but('Sec-WebSocket-Key', 'Sec-WebSocket-Key:', '\tdGhlIHNhbXBsZSBub25jZQ=='), 400],
  ['white space before a colon', but('Upgrade', 'Upgrade : websocket'), 400],
  ['a header without a colon', and('X'), 400],
  ['a header without a name', and(': x'), 400],
  ['a NUL in a header', and('X: a\0b'), 400],
  ['a space in a name', and('X Y: z'), 400],
  ['two hosts', and('Host: example.org'), 400],
  ['no host', but('Host'), 400],
  ['an absolute address', but('GET', 'GET http://example.org/ws HTTP/1.1'), 404],
  ['another path', but('GET', 'GET / HTTP/1.1'), 404],
  ['a path below', but('GET', 'GET /ws/ HTTP/1.1'), 404],
  ['a path with dots', but('GET', 'GET /../ws HTTP/1.1'), 404],
  ['an escaped path', but('GET', 'GET /%77s HTTP/1.1'), 404],
  ['two slashes', but('GET', 'GET //ws HTTP/1.1'), 404],
  ['a NUL in the path', but('GET', 'GET /ws\0 HTTP/1.1'), 400],
  ['a space in the path', but('GET', 'GET /ws x HTTP/1.1'), 400],
  ['no path', but('GET', 'GET HTTP/1.1'), 400],
  ['POST', but('GET', 'POST /ws HTTP/1.1'), 405],
  ['HEAD', but('GET', 'HEAD /ws HTTP/1.1'), 405],
  ['a method that there is not', but('GET', 'BREW /ws HTTP/1.1'), 400],
  ['a method in small letters', but('GET', 'get /ws HTTP/1.1'), 400],
  ['CONNECT', but('GET', 'CONNECT example.org:80 HTTP/1.1'), 'none'],
  ['HTTP/1.0', but('GET', 'GET /ws HTTP/1.0'), 505],
  ['HTTP/2.0', but('GET', 'GET /ws HTTP/2.0'), 505],
  ['HTTP/9.9', but('GET', 'GET /ws HTTP/9.9'), 400],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
  ['the beginning of TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n', 400],
  ['binary garbage', '\0\xff\xfe\0garbage\r\n\r\n', 400],
  ['a header section above 16 KiB', and(`X: ${'x'.repeat(20_000)}`), 431],
  ['an address above 16 KiB', but('GET', `GET /ws?${'x'.repeat(20_000)} HTTP/1.1`), 431],
  ['thousands of headers', and(...Array<string>(3_000).fill('X: y')), 431],
  ['to another protocol', but('Upgrade', 'Upgrade: h2c'), 400],
  ['to several protocols', but('Upgrade', 'Upgrade: websocket, h2c'), 400],
  ['no upgrade', but('Upgrade'), 404],
  ['an upgrade that the connection does not name', but('Connection', 'Connection: keep-alive'), 404],
  ...['', '12', '8', '0', '13.0', '0xd', '13, 13', '-13'].map(
    (version) =>
      [
        `version "${version}"`,
        but('Sec-WebSocket-Version', `Sec-WebSocket-Version: ${version}`),
        426,
      ] as const,
  ),
  ['no version', but('Sec-WebSocket-Version'), 426],
  ['two versions', and('Sec-WebSocket-Version: 13'), 426],
  ...['', 'short', 'dGhlIHNhbXBsZSBub25jZQ', 'dGhlIHNhbXBsZSBub25jZQ==x', 'x'.repeat(1_000)].map(
    (key) =>
      [`key "${key.slice(0, 30)}"`, but('Sec-WebSocket-Key', `Sec-WebSocket-Key: ${key}`), 400] as const,
  ),
  ['no key', but('Sec-WebSocket-Key'), 400],
  ['two keys', and('Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='), 400],
  ['our subprotocol twice', and('Sec-WebSocket-Protocol: sixfold.v1'), 400],
  ['an empty subprotocol', but('Sec-WebSocket-Protocol', 'Sec-WebSocket-Protocol: sixfold.v1,,'), 400],
  ['a subprotocol that is no token', and('Sec-WebSocket-Protocol: a@b'), 400],
  ['another subprotocol', but('Sec-WebSocket-Protocol', 'Sec-WebSocket-Protocol: sixfold.v2'), 400],
];

/** Beginnings that go on without an end, with the bytes that come now and then: what they get in time. */
export const STALLS: readonly (readonly [...HostileRequest, more: string])[] = [
  ['nothing but line ends', '\r\n', 408, '\r\n'],
  ['half a request line', 'GET /w', 408, 's'],
  ['half a header section', good.slice(0, -20), 408, 'A'],
  ['everything but the last line end', good.slice(0, -2), 408, 'X'],
];
