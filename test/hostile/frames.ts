import { closeFrame, frame, OPCODES } from '../../tools/fuzz/frames.ts';

/**
 * What a client may do to a WebSocket once it is logged in, as data: the bytes, in the pieces in which they leave, and
 * what must come of it: the close code, or what is answered.
 */
export type HostileFrames = readonly [what: string, pieces: readonly Buffer[], outcome: string];

const PING = '{"type":"ping"}';
const { continuation, text, binary, close, ping, pong } = OPCODES;
const bytes = (...values: number[]) => Buffer.from(values);
const letters = (count: number) => Buffer.alloc(count, 0x61);

/** A frame for each piece of a packet. */
function fragments(parts: readonly (string | Buffer)[]): Buffer[] {
  return parts.map((part, n) =>
    frame(part, { opcode: n === 0 ? text : continuation, fin: n === parts.length - 1 }),
  );
}
const characters = Array.from(PING);
const padded = (frames: number) => [...Array<string>(frames - PING.length).fill(' '), ...characters];

/** Text that is not UTF-8, in a packet that would be fine. */
const NOT_UTF8: Record<string, Buffer> = {
  'a stray byte': bytes(0x80),
  'an overlong slash': bytes(0xc0, 0xaf),
  'an overlong NUL': bytes(0xc0, 0x80),
  'an overlong letter of three bytes': bytes(0xe0, 0x81, 0x81),
  'a surrogate': bytes(0xed, 0xa0, 0x80),
  'more than Unicode has': bytes(0xf4, 0x90, 0x80, 0x80),
  'a byte that never occurs': bytes(0xff),
  'a cut character': bytes(0xe2, 0x82),
};

const inText = (inside: Buffer) =>
  Buffer.concat([Buffer.from('{"type":"ping","x":"'), inside, Buffer.from('"}')]);

export const FRAMES: readonly HostileFrames[] = [
  ['a packet in one frame', [frame(PING)], 'pong'],
  ['a packet in three frames', fragments(['{"ty', 'pe":"pi', 'ng"}']), 'pong'],
  ['a packet in frames of one byte', fragments(characters), 'pong'],
  [
    'a packet with empty frames in between',
    fragments(['', PING.slice(0, 5), '', '', PING.slice(5), '']),
    'pong',
  ],
  ['a packet of 1024 frames', [Buffer.concat(fragments(padded(1_024)))], 'pong'],
  ['a packet of 1025 frames', [Buffer.concat(fragments(padded(1_025)))], 'close 1008'],
  ['empty frames without end', [Buffer.concat(fragments(Array<string>(2_000).fill('')))], 'close 1008'],
  [
    'a character across two frames',
    fragments([inText(Buffer.from('€')).subarray(0, 21), inText(Buffer.from('€')).subarray(21)]),
    'pong',
  ],
  ['single bytes', [...frame(PING)].map((byte) => bytes(byte)), 'pong'],
  [
    'pings between the frames of a packet',
    [...fragments([PING.slice(0, 4), PING.slice(4)])].flatMap((one) => [frame('x', { opcode: ping }), one]),
    'pong, WebSocket pong',
  ],
  ['a pong that nobody asked for', [frame('x', { opcode: pong }), frame(PING)], 'pong'],
  ['a ping with 125 bytes', [frame(letters(125), { opcode: ping }), frame(PING)], 'pong, WebSocket pong'],
  ['a mask of zeros', [frame(PING, { mask: 0 })], 'pong'],
  ['a length that could be shorter, 16 bits', [frame(PING, { lengthBits: 16 })], 'pong'],
  ['a length that could be shorter, 64 bits', [frame(PING, { lengthBits: 64 })], 'pong'],
  ['an empty packet', [frame('')], 'bad_packet'],
  ['a byte order mark', [frame(Buffer.concat([bytes(0xef, 0xbb, 0xbf), Buffer.from(PING)]))], 'bad_packet'],
  ['a NUL', [frame(inText(bytes(0)))], 'bad_packet'],
  [
    'a wrong mask that leaves text',
    [
      Buffer.concat([
        frame(PING, { mask: 0x01010101 }).subarray(0, 2),
        bytes(0, 0, 0, 0),
        frame(PING, { mask: 0x01010101 }).subarray(6),
      ]),
    ],
    'bad_packet',
  ],
  [
    'a wrong mask that leaves none',
    [
      Buffer.concat([
        frame(PING, { mask: 0x80808080 }).subarray(0, 2),
        bytes(0, 0, 0, 0),
        frame(PING, { mask: 0x80808080 }).subarray(6),
      ]),
    ],
    'close 1007',
  ],
  ['no mask', [frame(PING, { mask: null })], 'close 1002'],
  ['a ping without a mask', [frame('', { opcode: ping, mask: null })], 'close 1002'],
  ...[1, 2, 3, 4, 5, 6, 7].map(
    (reserved) =>
      [`reserved bits ${reserved} (4 says: compressed)`, [frame(PING, { reserved })], 'close 1002'] as const,
  ),
  ['a compressed ping', [frame('', { opcode: ping, reserved: 4 })], 'close 1002'],
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map(
    (opcode) => [`opcode ${opcode}`, [frame(PING, { opcode })], 'close 1002'] as const,
  ),
  ['a binary frame', [frame(PING, { opcode: binary })], 'close 1003'],
  ['an empty binary frame', [frame('', { opcode: binary })], 'close 1003'],
  [
    'a binary packet in two frames',
    [frame('{', { opcode: binary, fin: false }), frame('}', { opcode: continuation })],
    'close 1003',
  ],
  ['a continuation of nothing', [frame(PING, { opcode: continuation })], 'close 1002'],
  ['a packet within a packet', [frame('{', { fin: false }), frame(PING)], 'close 1002'],
  ['a ping in two frames', [frame('a', { opcode: ping, fin: false })], 'close 1002'],
  ['a close in two frames', [frame('', { opcode: close, fin: false })], 'close 1002'],
  ['a ping of 126 bytes', [frame(letters(126), { opcode: ping })], 'close 1002'],
  ['a close of 126 bytes', [closeFrame(1000, letters(124))], 'close 1002'],
  ['a pong of 65,536 bytes', [frame(letters(65_536), { opcode: pong })], 'close 1002'],
  ['a ping that says 2^63 bytes', [frame('', { opcode: ping, length: 1n << 63n })], 'close 1002'],
  ['a close of one byte', [frame('a', { opcode: close })], 'close 1002'],
  ...[0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535].map(
    (code) => [`a close with ${code}`, [closeFrame(code)], 'close 1002'] as const,
  ),
  ['a close whose reason is not UTF-8', [closeFrame(1000, bytes(0xff, 0xfe))], 'close 1007'],
  ['a close whose reason is a surrogate', [closeFrame(4000, bytes(0xed, 0xa0, 0x80))], 'close 1007'],
  ['a close with 1000', [closeFrame(1000, 'bye')], 'close 1000'],
  ['a close with 4999', [closeFrame(4999, letters(123))], 'close 4999'],
  ['an empty close', [frame('', { opcode: close })], 'close 1005'],
  [
    'packets behind a close',
    [Buffer.concat([closeFrame(1000), frame(PING), frame('x', { opcode: binary })])],
    'close 1000',
  ],
  ['a packet that is too large by its length alone', [frame('', { length: 65_537 })], 'close 1009'],
  ['a length of 2^32', [frame('', { length: 1n << 32n })], 'close 1009'],
  ['a length of 2^53', [frame('', { length: 1n << 53n })], 'close 1009'],
  ['a length of 2^63', [frame('', { length: 1n << 63n })], 'close 1009'],
  ['a length of 2^64 - 1', [frame('', { length: (1n << 64n) - 1n })], 'close 1009'],
  ['frames that are too large together', fragments([letters(40_000), letters(30_000)]), 'close 1009'],
  ...Object.entries(NOT_UTF8).map(
    ([what, inside]) => [`text that is not UTF-8: ${what}`, [frame(inText(inside))], 'close 1007'] as const,
  ),
  [
    '300 pings at once',
    [Buffer.concat([...Array<Buffer>(300).fill(frame('x', { opcode: ping })), frame(PING)])],
    'pong, WebSocket pong',
  ],
  [
    'a flood of pings',
    [Buffer.concat(Array<Buffer>(3_000).fill(frame('x', { opcode: ping })))],
    'rate_limited, close 4429',
  ],
  [
    'a flood of pongs',
    [Buffer.concat(Array<Buffer>(3_000).fill(frame('', { opcode: pong })))],
    'rate_limited, close 4429',
  ],
  [
    'a flood of bad packets',
    [Buffer.concat(Array<Buffer>(1_000).fill(frame('{')))],
    'bad_packet, close 4400',
  ],
  ['a flood of packets', [Buffer.concat(Array<Buffer>(1_000).fill(frame(PING)))], 'rate_limited, close 4429'],
  ['bytes of another protocol', [Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n')], 'close 1002'],
];
