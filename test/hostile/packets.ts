/** Hostile packets as data: what a client sends in a text frame, and what it must be told. */

/** What, frame, and the answer: the type of a packet, or the code of an error and the field that it names. */
export type HostilePacket = readonly [what: string, frame: string, answer: string];

const nested = (depth: number, inside = '') => '['.repeat(depth) + inside + ']'.repeat(depth);
const nestedObjects = (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
const quoted = (text: string) => JSON.stringify(text);

/** Values, as JSON text, that are no string at all. */
const NO_STRING = [
  'null',
  'true',
  '0',
  '-0',
  '1e400',
  '[]',
  '{}',
  '["m1"]',
  '{"toString":"m1"}',
  nested(5_000),
];
/** Strings that look like a name and are none. */
const NO_NAME = [
  '',
  ' m',
  'm ',
  'a b',
  'm\n',
  'm\u0000',
  'm\u007f',
  '\ufeffm',
  'm\u200b',
  'm\u0430', // Cyrillic
  'ｍ１', // full width
  'e\u0301',
  '\u{1f600}',
  '\ud800',
  '../m',
  "m';--",
  '{m}',
  '%00',
].map(quoted);
const NO_ID = [
  ...NO_STRING,
  ...NO_NAME,
  '"a.b"',
  '"a:b"',
  '"a@b"',
  quoted('x'.repeat(65)),
  quoted('x'.repeat(60_000)),
];
const NO_USER = [...NO_STRING, ...NO_NAME, '"a/b"', quoted('x'.repeat(129)), quoted('x'.repeat(60_000))];
/** No user, and no list of users. */
const NO_RECEIVERS = [
  ...NO_USER.filter((text) => text !== '["m1"]'),
  ...NO_USER.filter((text) => text !== '"m1"').map((text) => `["bob",${text}]`),
  '["bob","bob"]',
  '["bob",["carol"]]',
  '{"0":"bob","length":1}',
  JSON.stringify(Array.from({ length: 101 }, (_, n) => `u${n}`)), // MAX_RECEIVERS
  JSON.stringify(Array.from({ length: 8_000 }, (_, n) => `u${n}`)),
];
const NO_SEQ = [
  'null',
  '"1"',
  'true',
  '[]',
  '{}',
  '-1',
  '0.5',
  '-0.1',
  '1e400',
  '-1e400',
  '9007199254740992',
  '1e21',
];
const NO_LIMIT = [
  'null',
  '"10"',
  'true',
  '[]',
  '{}',
  '0',
  '-1',
  '-0',
  '501',
  '1.5',
  '1e400',
  '9007199254740993',
];
const NO_KEYS = [
  ...['null', '"m1"', '0', '{}', '{"length":1,"0":"m1"}', '[]', '[[]]', '[""]', '[1]', '[null]', '["m1",1]'],
  JSON.stringify(['k'.repeat(65)]),
  JSON.stringify(Array(501).fill('m1')),
  JSON.stringify(Array(10_000).fill('m1')),
];

/** Cuts what nobody wants to read. */
const shown = (text: string) => (text.length > 40 ? `${text.slice(0, 30)}… (${text.length})` : text);

/** One packet for each value that a field must not have. */
function each(field: string, values: readonly string[], packet: (value: string) => string): HostilePacket[] {
  return values.map((value) => [`${field} is ${shown(value)}`, packet(value), `bad_packet ${field}`]);
}

const msg = (fields: string) => `{"type":"msg:R",${fields}}`;
const signal = (fields: string) => `{"type":"signal:R",${fields}}`;
const body = (text: string) => msg(`"id":"m1","to":"nobody","body":${text}`);

const NO_TTL = [...NO_SEQ, '0', '-0', '2592001'];
const item = (fields: string) => `[{${fields}}]`;
const ITEM = '"from":"alice","id":"m1","read":"x"';
const NO_ITEMS = [
  ...NO_STRING,
  ...NO_STRING.filter((text) => text !== '[]').map((text) => `[${text}]`),
  ...NO_USER.map((from) => item(`"from":${from},"id":"m1","read":"x"`)),
  ...NO_ID.map((id) => item(`"from":"alice","id":${id},"read":"x"`)),
  ...[...NO_STRING, quoted('x'.repeat(65)), quoted('x'.repeat(60_000))].map((proof) =>
    item(`"from":"alice","id":"m1","read":${proof}`),
  ),
  item('"from":"alice","id":"m1"'),
  item('"__proto__":{"from":"alice","id":"m1","read":"x"}'),
  `[${Array<string>(101).fill(`{${ITEM}}`).join(',')}]`,
  `[${Array<string>(1_000).fill(`{${ITEM}}`).join(',')}]`,
];

export const FIELDS: Record<string, readonly HostilePacket[]> = {
  'the id of msg:R': each('id', NO_ID, (id) => msg(`"id":${id},"to":"nobody","body":1`)),
  'the receivers of msg:R': each('to', NO_RECEIVERS, (to) => msg(`"id":"m1","to":${to},"body":1`)),
  'the receivers of signal:R': each('to', NO_RECEIVERS, (to) => signal(`"to":${to},"body":1`)),
  'the body of signal:R': each(
    'body',
    [nested(101), nestedObjects(10_000), '1e400', quoted('x'.repeat(1_023)), quoted('é'.repeat(512))],
    (text) => signal(`"to":"nobody","body":${text}`),
  ),
  'the thread of signal:R': each('thread', NO_NAME.map(quoted), (thread) =>
    signal(`"to":"nobody","body":1,"thread":${thread}`),
  ),
  'the seq of msg:R': each('seq', NO_SEQ, (seq) => msg(`"id":"m1","to":"nobody","body":1,"seq":${seq}`)),
  'the thread of msg:R': each('thread', NO_USER, (thread) =>
    msg(`"id":"m1","to":"nobody","body":1,"thread":${thread}`),
  ),
  'the ttl of msg:R': each('ttl', NO_TTL, (ttl) => msg(`"id":"m1","to":"nobody","body":1,"ttl":${ttl}`)),
  'the read of msg:R': each('read', ['false', '1', '"true"', 'null', '[]', '{}'], (read) =>
    msg(`"id":"m1","to":"nobody","body":1,"read":${read}`),
  ),
  'the items of read:R': each('items', NO_ITEMS, (items) => `{"type":"read:R","items":${items}}`),
  'the body of msg:R': each(
    'body',
    [
      nested(101),
      nested(30_000),
      nestedObjects(101),
      nestedObjects(10_000),
      '1e400',
      '-1e400',
      '{"a":[1e999]}',
    ],
    body,
  ),
  'the id of ack:R': each('id', NO_ID, (id) => `{"type":"ack:R","id":${id},"from":"nobody"}`),
  'the sender of ack:R': each('from', NO_USER, (from) => `{"type":"ack:R","id":"m1","from":${from}}`),
  'the limit of offline:R': each('limit', NO_LIMIT, (limit) => `{"type":"offline:R","limit":${limit}}`),
  'the keys of offline:A': each('keys', NO_KEYS, (keys) => `{"type":"offline:A","keys":${keys}}`),
  'the device of login:R': each(
    'device',
    [...NO_STRING, ...NO_NAME, quoted('x'.repeat(65))],
    (device) => `{"type":"login:R","token":"t","device":${device}}`,
  ),
};

/** Frames that are no packet at all; the error names no field. */
export const NO_PACKETS: readonly HostilePacket[] = [
  '',
  ' ',
  '\u0000',
  '\ufeff{"type":"ping"}',
  'ping',
  'null',
  'true',
  '42',
  '-0',
  '"ping"',
  '[]',
  '[{"type":"ping"}]',
  '{',
  '{"type":"ping"',
  '{"type":"ping"}}',
  '{"type":"ping"}{"type":"ping"}',
  '{"type":"ping",}',
  '{type:"ping"}',
  "{'type':'ping'}",
  '{"type":"ping"}\u0000',
  '{"type":"pi\u0000ng"}',
  '{"type":"ping\n"}',
  '{"type":"\\x70ing"}',
  '{"type":"\\u007"}',
  '{"a":01,"type":"ping"}',
  '{"a":+1,"type":"ping"}',
  '{"a":.5,"type":"ping"}',
  '{"a":0x1,"type":"ping"}',
  '{"a":NaN,"type":"ping"}',
  '{"a":Infinity,"type":"ping"}',
  '{"a":undefined,"type":"ping"}',
  '/**/{"type":"ping"}',
  '<xml/>',
  'GET /ws HTTP/1.1\r\n\r\n',
  '\u2028{"type":"ping"}',
  nested(30_000),
  '['.repeat(60_000),
  '{"a":'.repeat(10_000),
  '"'.repeat(60_000),
].map((frame) => [`the frame is ${shown(quoted(frame))}`, frame, 'bad_packet']);

/** Types that no client may send. */
export const NO_TYPES: readonly HostilePacket[] = [
  ...NO_STRING,
  ...[
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    'msg:N',
    'msg:A',
    'login:A',
    'bye',
    'error',
  ].map(quoted),
  ...['', 'Ping', 'ping ', 'p\u0131ng', 'msg:r', 'msg', 'x'.repeat(60_000), '\ud800', 'a\u0000b'].map(quoted),
].map((type) => [`the type is ${shown(type)}`, `{"type":${type},"id":"m1"}`, 'bad_packet type']);

/** What is missing, twice there, or hidden where JavaScript would look. */
export const STRUCTURE: readonly HostilePacket[] = [
  ['no type', '{}', 'bad_packet type'],
  ['a type in the prototype', '{"__proto__":{"type":"ping"}}', 'bad_packet type'],
  ['a type in the constructor', '{"constructor":{"prototype":{"type":"ping"}}}', 'bad_packet type'],
  [
    'fields in the prototype',
    '{"type":"msg:R","__proto__":{"id":"m","to":"nobody","body":1}}',
    'bad_packet id',
  ],
  ['no id', msg('"to":"nobody","body":1'), 'bad_packet id'],
  ['no receiver', msg('"id":"m","body":1'), 'bad_packet to'],
  ['no body', msg('"id":"m","to":"nobody"'), 'bad_packet body'],
  ['a body in the prototype', msg('"id":"m","to":"nobody","__proto__":{"body":1}'), 'bad_packet body'],
  ['ack:R without an id', '{"type":"ack:R","from":"nobody"}', 'bad_packet id'],
  ['ack:R without a sender', '{"type":"ack:R","id":"m"}', 'bad_packet from'],
  ['offline:A without keys', '{"type":"offline:A"}', 'bad_packet keys'],
  ['a bad id behind a good one', msg('"id":"m","id":"","to":"nobody","body":1'), 'bad_packet id'],
  ['a bad type behind a good one', '{"type":"ping","type":"pong"}', 'bad_packet type'],
];

/** Odd, and fine: unknown fields are ignored, the last of two counts, and no name means anything to us. */
export const FINE: readonly HostilePacket[] = [
  ['a good type behind a bad one', '{"type":"pong","type":"ping"}', 'pong'],
  ['an escaped type', '{"\\u0074ype":"\\u0070ing"}', 'pong'],
  [
    'the names of the prototype',
    '{"type":"ping","__proto__":{"x":1},"constructor":1,"toString":null}',
    'pong',
  ],
  ['another polluted prototype', '{"type":"ping","constructor":{"prototype":{"x":1}}}', 'pong'],
  ['a number beyond a double, unknown', '{"type":"ping","x":1e400}', 'pong'],
  ['deep nesting, unknown', `{"type":"ping","x":${nested(30_000)}}`, 'pong'],
  ['deep objects, unknown', `{"x":${nestedObjects(10_000)},"type":"ping"}`, 'pong'],
  [
    'many fields, unknown',
    `{${Array.from({ length: 6_000 }, (_, n) => `"f${n}":1`).join(',')},"type":"ping"}`,
    'pong',
  ],
  ['much white space', `${' \t\r\n'.repeat(15_000)}{"type":"ping"}`, 'pong'],
  ['a long unknown field', `{"type":"ping","x":"${'x'.repeat(60_000)}"}`, 'pong'],
  ['a lone surrogate, escaped, unknown', '{"type":"ping","\\ud800":"\\udc00"}', 'pong'],
  ['an id of the prototype', msg('"id":"__proto__","to":"nobody","body":1'), 'msg:A'],
  ['a receiver of the prototype', msg('"id":"m1","to":"constructor","body":1'), 'msg:A'],
  ['a list of one', msg('"id":"l1","to":["nobody"],"body":1'), 'msg:A'],
  ['a list of the prototype', msg('"id":"l2","to":["constructor","__proto__"],"body":1'), 'msg:A'],
  ['the longest names', msg(`"id":"${'x'.repeat(64)}","to":"${'x'.repeat(128)}","body":1`), 'msg:A'],
  [
    'a sender of its own',
    msg('"id":"m2","to":"nobody","body":1,"from":"boss","at":1,"session":"x"'),
    'msg:A',
  ],
  ['a bad body before a good one', msg('"id":"m3","to":"nobody","body":1e400,"body":1'), 'msg:A'],
  ['a body nested 100 deep', body(nested(100)), 'msg:A'],
  ['a body of escaped NUL and lone surrogates', body('"\\u0000\\ud800"'), 'msg:A'],
  ['a seq of -0', msg('"id":"m4","to":"nobody","body":1,"seq":-0'), 'msg:A'],
  ['a seq of 1e2', msg('"id":"m5","to":"nobody","body":1,"seq":1e2'), 'msg:A'],
  ['the largest seq', msg('"id":"m6","to":"nobody","body":1,"seq":9007199254740991'), 'msg:A'],
  ['ack:R for nothing', '{"type":"ack:R","id":"__proto__","from":"__proto__"}', 'ack:A'],
  ['the longest ttl', msg('"id":"m7","to":"nobody","body":1,"ttl":2592000'), 'msg:A'],
  ['the longest thread', msg(`"id":"m8","to":"nobody","body":1,"thread":"${'x'.repeat(128)}"`), 'msg:A'],
  [
    'read:R for nothing',
    `{"type":"read:R","items":[{"from":"__proto__","id":"__proto__","read":""}]}`,
    'read:A',
  ],
  ['a proof of NUL', `{"type":"read:R","items":[{"from":"a","id":"b","read":"\\u0000\\ud800"}]}`, 'read:A'],
  ['a limit of 500', '{"type":"offline:R","limit":500}', 'offline:N'],
  ['a limit of 5e0', '{"type":"offline:R","limit":5e0}', 'offline:N'],
];

/** Keys that name nothing have no answer, and no effect; the pong belongs to a ping behind. */
export const NO_KEY_OF_OURS: readonly string[][] = [
  ['m1', 'r1'],
  ['m99999999999999999999'],
  ['m-1', 'm0x1', 'm1e3', 'x1', 'm', 'M1', 'm1 '],
  ["m1'; DROP TABLE offline_messages; --", '$1', '\\', '"'],
  ['\u0000', 'm1\u0000', '\ud800', '\u{1f600}'],
  Array<string>(500).fill('m1'),
];

/** What, the first packet of a connection, and how the gateway takes it: error and close code. */
export const FIRST_PACKETS: readonly HostilePacket[] = [
  ...['', 'null', '[]', '{}', '{"type":"ping"}', '{"type":"LOGIN:R"}', '\u0000', nested(30_000)].map(
    (frame) => [shown(quoted(frame)), frame, 'not_logged_in 4401'] as const,
  ),
  ['login:A', '{"type":"login:A","user":"boss"}', 'not_logged_in 4401'],
  ...[
    ...NO_STRING,
    '""',
    '"a.b.c"',
    '".."',
    '"..."',
    quoted('\u0000'),
    quoted('a'.repeat(60_000)),
    quoted('.'.repeat(60_000)),
  ].map(
    (token) =>
      [`the token is ${shown(token)}`, `{"type":"login:R","token":${token}}`, 'unauthorized 4401'] as const,
  ),
  ['no token', '{"type":"login:R"}', 'unauthorized 4401'],
  ['a token in the prototype', '{"type":"login:R","__proto__":{"token":"t"}}', 'unauthorized 4401'],
];

const part = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const claims = { sub: 'mallory', exp: 4_102_444_800 };

/** Tokens with a header that plays tricks. */
export const TOKENS: readonly HostilePacket[] = [
  { alg: 'none' },
  { alg: 'None' },
  { alg: '' },
  { alg: null },
  { alg: ['HS256'] },
  { alg: { toString: 'HS256' } },
  { alg: '__proto__' },
  { alg: 'RS256' },
  { alg: 'HS256', b64: false, crit: ['b64'] },
  { alg: 'HS256', crit: ['exp'] },
  { alg: 'HS256', crit: [] },
  { alg: 'HS256', kid: '../../etc/passwd' },
  { alg: 'HS256', jku: 'http://127.0.0.1:1/', jwk: { kty: 'oct', k: 'AA' }, x5u: 'http://127.0.0.1:1/' },
  { alg: 'HS256', zip: 'DEF' },
  [],
  null,
  'HS256',
  '\ufeff{"alg":"HS256"}',
  `{"alg":"HS256","x":${nested(10_000)}}`,
].flatMap((header) =>
  ['', 'AAAA', '!'].map((signature) => {
    const token = `${part(header)}.${part(claims)}.${signature}`;
    const what = `a token of ${shown(JSON.stringify(header))} signed with "${signature}"`;
    return [what, JSON.stringify({ type: 'login:R', token }), 'unauthorized 4401'] as const;
  }),
);
