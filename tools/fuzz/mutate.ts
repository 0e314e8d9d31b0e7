import type { Dice } from '../testkit/dice.ts';

/** Seeded damage to bytes and to JSON values. The same dice do the same damage. */

const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);

/** Texts that go in the place of a JSON value; some are no JSON. */
const ODD_VALUES = [
  ...['null', 'true', '0', '-0', '-1', '1.5', '1e400', '9007199254740993', '1e-400', '[]', '{}', '""', '"x"'],
  ...[
    '"\\u0000"',
    '"\\ud800"',
    '"\\udc00\\ud800"',
    '"__proto__"',
    '"constructor"',
    '"\u{1f600}"',
    '"\ufeff"',
  ],
  ...[
    '[[]]',
    '[null]',
    '{"__proto__":{"type":"ping"}}',
    '{"length":1e9}',
    '"1"',
    'undefined',
    'NaN',
    '01',
    "'x'",
  ],
  ...['"../../x"', '"a b"', '"<script>"', '"\\u202e"', '253402300800000', '-62135596800001'],
  ...[
    nested(99),
    nested(101),
    nested(20_000),
    `"${'x'.repeat(65)}"`,
    `"${'x'.repeat(129)}"`,
    `"${'é'.repeat(9_000)}"`,
  ],
];

const ODD_BYTES = [
  0x00, 0x0a, 0x0d, 0x20, 0x22, 0x2c, 0x5b, 0x5c, 0x5d, 0x7b, 0x7d, 0x7f, 0x80, 0xc0, 0xed, 0xff,
];

/** Some bytes at random. */
export const randomBytes = (dice: Dice, most: number) =>
  Buffer.from(Array.from({ length: dice.whole(0, most) }, () => dice.whole(0, 255)));

/** Hurts bytes in one to four places. */
export function hurtBytes(dice: Dice, bytes: Buffer): Buffer {
  let hurt = Buffer.from(bytes);
  for (let times = dice.whole(1, 4); times > 0; times--)
    hurt = Buffer.from(dice.pick(BYTE_HURTS)(dice, hurt));
  return hurt;
}

type ByteHurt = (dice: Dice, bytes: Buffer) => Uint8Array;

function around(dice: Dice, bytes: Buffer, inside: (cut: Buffer) => Buffer): Buffer {
  const from = dice.whole(0, bytes.length);
  const to = Math.min(bytes.length, from + dice.whole(0, 16));
  return Buffer.concat([bytes.subarray(0, from), inside(bytes.subarray(from, to)), bytes.subarray(to)]);
}

const BYTE_HURTS: readonly ByteHurt[] = [
  (dice, bytes) =>
    around(dice, bytes, (cut) => Buffer.from(cut.map((byte) => byte ^ (1 << dice.whole(0, 7))))),
  (dice, bytes) => around(dice, bytes, (cut) => Buffer.concat([cut, Buffer.from([dice.pick(ODD_BYTES)])])),
  (dice, bytes) => around(dice, bytes, () => Buffer.alloc(0)),
  (dice, bytes) => around(dice, bytes, (cut) => Buffer.concat([cut, cut])),
  (dice, bytes) => around(dice, bytes, () => randomBytes(dice, 16)),
  (dice, bytes) => around(dice, bytes, (cut) => Buffer.from(cut).reverse()),
  (dice, bytes) => bytes.subarray(0, dice.whole(0, bytes.length)),
];

/**
 * Writes a JSON value with something else in one to three places: other values, names missing, twice, or changed.
 *
 * @returns its text, which is no JSON in some cases
 */
export function hurtJson(dice: Dice, value: unknown): string {
  const places = countPlaces(value);
  const hurt = new Set(Array.from({ length: dice.whole(1, 3) }, () => dice.whole(0, places - 1)));
  let place = 0;
  const write = (inside: unknown): string => {
    const isHurt = hurt.has(place++);
    const text = writeInside(dice, inside, isHurt && dice.chance(0.4), write);
    return isHurt && dice.chance(0.7) ? dice.pick(ODD_VALUES) : text;
  };
  return write(value);
}

function countPlaces(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 1;
  return Object.values(value).reduce((sum: number, inside) => sum + countPlaces(inside), 1);
}

function writeInside(dice: Dice, value: unknown, hurt: boolean, write: (inside: unknown) => string): string {
  if (Array.isArray(value)) {
    const items = value.map(write);
    return `[${(hurt ? [...items, ...items] : items).join(',')}]`;
  }
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(([name, inside]) => `${JSON.stringify(name)}:${write(inside)}`);
  if (!hurt || members.length === 0) return `{${members.join(',')}}`;
  const one = dice.pick(members);
  const changed = [
    members.filter((member) => member !== one),
    [...members, one],
    dice.shuffled(members),
    [...members, `"__proto__":{${one}}`],
    [`${JSON.stringify(dice.pick(Object.keys(value)))}:${dice.pick(ODD_VALUES)}`, ...members],
  ];
  return `{${dice.pick(changed).join(',')}}`;
}

/** Cuts bytes into pieces at random places. */
export function cut(dice: Dice, bytes: Buffer): Buffer[] {
  const places = Array.from({ length: dice.whole(0, 6) }, () => dice.whole(0, bytes.length)).sort(
    (a, b) => a - b,
  );
  return [0, ...places]
    .map((from, n) => bytes.subarray(from, places[n] ?? bytes.length))
    .filter(({ length }) => length > 0);
}
