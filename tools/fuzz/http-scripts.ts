import type { SeededRandom } from '../testkit/seeded-random.ts';
import { cut, mutateBytes, mutateJson, randomBytes } from './mutate.ts';
import type { HostileUser, Script } from './scripts.ts';
import { request } from './wire.ts';

/** Most lines of a batch, and one more than there may be. */
const LINES = { few: 40, many: 1_001 };

/** Requests to the HTTP interface: valid parts, most of which are then wrong somewhere. */
export function httpScriptOf(random: SeededRandom, users: readonly HostileUser[]): Script {
  const requests = Array.from({ length: random.integer(1, 3) }, () => requestOf(random, users));
  const bytes = Buffer.concat(requests);
  const writes = random.chance(0.4) ? cut(random, bytes) : [bytes];
  const some = random.chance(0.2) ? writes.slice(0, -1) : writes; // its end never comes
  return {
    writes: some.map((write) => write.toString('base64')),
    early: some.length,
    end: random.pick(['fin', 'reset', 'stay', 'stay', 'stay', 'hang']),
  };
}

function requestOf(random: SeededRandom, users: readonly HostileUser[]): Buffer {
  const { user, token } = random.pick(users);
  const [method, path] = random.chance(0.6) ? ['POST', '/v1/messages'] : oddTarget(random, user);
  const body = method === 'GET' && random.chance(0.8) ? Buffer.alloc(0) : bodyOf(random, users);
  const lines = [
    `${method} ${path} HTTP/1.1`,
    'Host: 127.0.0.1',
    ...authorizationOf(random, token),
    `Content-Type: ${random.pick(TYPES)}`,
    ...lengthOf(random, body.length),
    ...(random.chance(0.2) ? [random.pick(ODD_HEADERS)] : []),
  ];
  const head = Buffer.from(request(lines), 'latin1');
  return Buffer.concat([random.chance(0.1) ? mutateBytes(random, head) : head, body]);
}

const TYPES = [
  ...['application/json', 'application/json', 'application/x-ndjson', 'application/x-ndjson'],
  ...['application/json; charset=utf-16', 'text/plain', 'multipart/form-data; boundary=x', ';', ''],
];

const ODD_HEADERS = [
  `X: ${'x'.repeat(17_000)}`,
  ...Array.from({ length: 3 }, (_, n) =>
    Array(700 * (n + 1))
      .fill('X: y')
      .join('\r\n'),
  ),
  ...['Expect: 100-continue', 'Expect: something', 'Connection: close', 'Content-Encoding: gzip', 'Host: b'],
  ...[
    'Origin: null',
    'Origin: https://evil.example',
    'Access-Control-Request-Method: POST',
    'X: \0',
    ' folded',
  ],
  ...['Upgrade: websocket\r\nConnection: Upgrade', 'Transfer-Encoding: chunked', 'Content-Length: 1'],
];

function oddTarget(random: SeededRandom, user: string): [method: string, path: string] {
  const method = random.pick([
    'GET',
    'POST',
    'PUT',
    'PATCH',
    'DELETE',
    'HEAD',
    'OPTIONS',
    'TRACE',
    'BREW',
    'post',
  ]);
  const path = random.pick([
    ...[
      '/v1/messages',
      '/v1/messages/',
      '/v1//messages',
      '/v1/messages?x=%',
      '/v1/%00',
      '/v1/%E0%A4%A',
      '/v1',
      '//v1',
    ],
    ...[
      '/v1/../metrics',
      '/v1/openapi.json',
      '/v1/mailbox/confirm',
      '/v1/read',
      '/v1/presence',
      '/v1/nothing',
      '*',
    ],
    ...[`/v1/mailbox?limit=${random.pick(['1', '501', '-1', 'x', '1e9', '1&limit=2', '%'])}&user=${user}`],
    ...[
      `/v1/mailbox?device=${random.pick(['x', '', '%00', '__proto__'])}&user[]=${user}`,
      `/v1/users/${user}/devices`,
    ],
    ...[
      `/v1/users/${random.pick(['%2e%2e', '%', '__proto__', user])}/devices/${random.pick(['x', '%00', ''])}`,
    ],
    `/v1/messages?${'x'.repeat(20_000)}`,
  ]);
  return [method, path];
}

function authorizationOf(random: SeededRandom, token: string): string[] {
  if (random.chance(0.75)) return [`Authorization: Bearer ${token}`];
  const mutated = mutateBytes(random, Buffer.from(token))
    .toString('latin1')
    .replaceAll(/[\r\n]/g, '');
  return random.pick([
    [],
    [`Authorization: Bearer ${mutated}`],
    ['Authorization: Bearer'],
    ['Authorization: Basic YTpi'],
    [`Authorization: Bearer ${token} ${token}`],
    [`Authorization: Bearer ${'e'.repeat(9_000)}`],
    [`Authorization: Bearer ${token}`, 'Authorization: Bearer x'],
  ]);
}

const lengthOf = (random: SeededRandom, length: number): string[] =>
  random.chance(0.75)
    ? [`Content-Length: ${length}`]
    : random.pick([
        [],
        [`Content-Length: ${length + random.integer(1, 1_000)}`],
        [`Content-Length: ${Math.max(0, length - random.integer(1, 20))}`],
        [`Content-Length: ${random.pick(['-1', 'x', '1e3', '99999999999999999999', '2000000', '0x10'])}`],
        ['Transfer-Encoding: chunked'],
        [`Content-Length: ${length}`, 'Transfer-Encoding: chunked'],
      ]);

/** One message, or a line for each of several. */
function bodyOf(random: SeededRandom, users: readonly HostileUser[]): Buffer {
  if (random.chance(0.1)) return randomBytes(random, 400);
  const lines = random.chance(0.5) ? 1 : random.chance(0.1) ? LINES.many : random.integer(2, LINES.few);
  const texts = Array.from({ length: lines }, () => {
    const message = messageOf(random, users);
    return random.chance(0.7) ? JSON.stringify(message) : mutateJson(random, message);
  });
  return Buffer.from(texts.join(random.chance(0.9) ? '\n' : '\r\n\r\n'));
}

function messageOf(random: SeededRandom, users: readonly HostileUser[]): object {
  const to = random.pick([
    random.pick(users).user,
    'nobody',
    [random.pick(users).user, 'nobody'],
    '__proto__',
  ]);
  return {
    id: random.pick(['m1', '__proto__', `m${random.integer(0, 1e9)}`]),
    to,
    body: random.pick([1, null, 'hello', { a: [1, { b: -0 }] }, 'x'.repeat(3_000)]),
    ...(random.chance(0.2) && { from: random.pick(users).user }),
    ...(random.chance(0.2) && { ttl: random.integer(0, 5), read: true, thread: 'g:1' }),
    ...(random.chance(0.2) && { seq: random.integer(-1, 9) }),
  };
}
