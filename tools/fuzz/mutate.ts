import type { SeededRandom } from '../testkit/seeded-random.ts';

/** Seeded damage to bytes and to JSON values. The same random do the same damage. */

const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);

/** Texts that replace a JSON value; some are no JSON. */
const ODD_VALUES = [
  ...String.raw`null true 0 -0 -1 1.5 1e400 9007199254740993 1e-400 253402300800000 -62135596800001 [] {} "" "x"`.split(
    ' ',
  ),
  ...String.raw`"\u0000" "\ud800" "\udc00\ud800" "__proto__" "constructor" "\ufeff" "\ud83d\ude00" "\u202e"`.split(
    ' ',
  ),
  ...String.raw`[[]] [null] {"__proto__":{"type":"ping"}} {"length":1e9} "1" undefined NaN 01 'x'`.split(' '),
  ...['"../../x"', '"a b"', '"<script>"', '"\u{1f600}"', '"\ufeff"', nested(99), nested(101), nested(20_000)],
  ...[`"${'x'.repeat(65)}"`, `"${'x'.repeat(129)}"`, `"${'é'.repeat(9_000)}"`],
];

const ODD_BYTES = [...Buffer.from('000a0d20222c5b5c5d7b7d7f80c0edff', 'hex')];

/** Some bytes at random. */
export const randomBytes = (random: SeededRandom, most: number) =>
  Buffer.from(Array.from({ length: random.integer(0, most) }, () => random.integer(0, 255)));

/** Mutates bytes in one to four places. */
export function mutateBytes(random: SeededRandom, bytes: Buffer): Buffer {
  let mutated = Buffer.from(bytes);
  for (let times = random.integer(1, 4); times > 0; times--)
    mutated = Buffer.from(random.pick(BYTE_MUTATIONS)(random, mutated));
  return mutated;
}

type ByteMutation = (random: SeededRandom, bytes: Buffer) => Uint8Array;

function around(random: SeededRandom, bytes: Buffer, inside: (cut: Buffer) => Buffer): Buffer {
  const from = random.integer(0, bytes.length);
  const to = Math.min(bytes.length, from + random.integer(0, 16));
  return Buffer.concat([bytes.subarray(0, from), inside(bytes.subarray(from, to)), bytes.subarray(to)]);
}

const BYTE_MUTATIONS: readonly ByteMutation[] = [
  (random, bytes) =>
    around(random, bytes, (cut) => Buffer.from(cut.map((byte) => byte ^ (1 << random.integer(0, 7))))),
  (random, bytes) =>
    around(random, bytes, (cut) => Buffer.concat([cut, Buffer.from([random.pick(ODD_BYTES)])])),
  (random, bytes) => around(random, bytes, () => Buffer.alloc(0)),
  (random, bytes) => around(random, bytes, (cut) => Buffer.concat([cut, cut])),
  (random, bytes) => around(random, bytes, () => randomBytes(random, 16)),
  (random, bytes) => around(random, bytes, (cut) => Buffer.from(cut).reverse()),
  (random, bytes) => bytes.subarray(0, random.integer(0, bytes.length)),
];

/**
 * Writes a JSON value with something else in one to three places: other values, names missing, twice, or changed.
 *
 * @returns its text, which is no JSON in some cases
 */
export function mutateJson(random: SeededRandom, value: unknown): string {
  const places = countPlaces(value);
  const mutated = new Set(Array.from({ length: random.integer(1, 3) }, () => random.integer(0, places - 1)));
  let place = 0;
  const write = (inside: unknown): string => {
    const isMutated = mutated.has(place++);
    const text = writeInside(random, inside, isMutated && random.chance(0.4), write);
    return isMutated && random.chance(0.7) ? random.pick(ODD_VALUES) : text;
  };
  return write(value);
}

function countPlaces(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 1;
  return Object.values(value).reduce((sum: number, inside) => sum + countPlaces(inside), 1);
}

function writeInside(
  random: SeededRandom,
  value: unknown,
  mutated: boolean,
  write: (inside: unknown) => string,
): string {
  if (Array.isArray(value)) {
    const items = value.map(write);
    return `[${(mutated ? [...items, ...items] : items).join(',')}]`;
  }
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(([name, inside]) => `${JSON.stringify(name)}:${write(inside)}`);
  if (!mutated || members.length === 0) return `{${members.join(',')}}`;
  const one = random.pick(members);
  const changed = [
    members.filter((member) => member !== one),
    [...members, one],
    random.shuffled(members),
    [...members, `"__proto__":{${one}}`],
    [`${JSON.stringify(random.pick(Object.keys(value)))}:${random.pick(ODD_VALUES)}`, ...members],
  ];
  return `{${random.pick(changed).join(',')}}`;
}

/** Cuts bytes into pieces at random places. */
export function cut(random: SeededRandom, bytes: Buffer): Buffer[] {
  const places = Array.from({ length: random.integer(0, 6) }, () => random.integer(0, bytes.length)).sort(
    (a, b) => a - b,
  );
  return [0, ...places]
    .map((from, n) => bytes.subarray(from, places[n] ?? bytes.length))
    .filter(({ length }) => length > 0);
}
