import type { SeededRandom } from '../testkit/seeded-random.ts';
import { closeFrame, frame, OPCODES } from './frames.ts';
import { cut, mutateBytes, mutateJson, randomBytes } from './mutate.ts';
import { request, UPGRADE } from './wire.ts';

/** What one hostile connection does, from its first byte to its end; plain data, so that it can be sent again. */
export interface Script {
  /** Writes in Base64, one after the other. */
  writes: string[];
  /** Writes to send before the upgrade is answered; the rest waits for the answer. */
  early: number;
  /** How it ends: with a FIN, a reset, not at all until the gateway ends it, or without reading anything. */
  end: 'fin' | 'reset' | 'stay' | 'hang';
}

/** A hostile user with a valid token. */
export interface HostileUser {
  user: string;
  token: string;
}

/** Makes a script from valid parts, most of which are then mutated somewhere. */
export function scriptOf(random: SeededRandom, users: readonly HostileUser[]): Script {
  const upgrade = Buffer.from(upgradeOf(random), 'latin1');
  const login = {
    type: 'login:R',
    token: random.pick(users).token,
    device: random.pick(['default', 'phone', 'x']),
    ...(random.chance(0.3) && { sync: true }),
  };
  const frames = [random.chance(0.85) ? frame(JSON.stringify(login)) : framed(random, login)].flat();
  for (let left = random.integer(0, 25); left > 0; left--)
    frames.push(...framed(random, packetOf(random, users)));
  if (random.chance(0.1)) frames.splice(0, frames.length, ...random.shuffled(frames));
  const bytes = Buffer.concat(frames);
  const writes = random.chance(0.3)
    ? cut(random, random.chance(0.3) ? mutateBytes(random, bytes) : bytes)
    : frames;
  const all = [...(random.chance(0.15) ? cut(random, upgrade) : [upgrade]), ...writes];
  return {
    writes: all.map((write) => write.toString('base64')),
    early: random.chance(0.2) ? all.length : all.length - writes.length,
    end: random.pick(['fin', 'reset', 'stay', 'stay', 'stay', 'hang']),
  };
}

function upgradeOf(random: SeededRandom): string {
  const lines = [...UPGRADE];
  if (random.chance(0.85)) return request(lines);
  const odd = [
    'Content-Length: 5',
    'Transfer-Encoding: chunked',
    'Host: b',
    ' folded',
    'X: \0',
    `X: ${'x'.repeat(17_000)}`,
  ];
  lines.splice(
    random.integer(0, lines.length),
    random.integer(0, 2),
    ...(random.chance(0.6) ? [random.pick(odd)] : []),
  );
  const text = request(lines);
  return random.chance(0.6) ? text : mutateBytes(random, Buffer.from(text, 'latin1')).toString('latin1');
}

const BODIES = [
  1,
  null,
  'hello',
  { text: 'hi', n: [1, 2, { a: -0 }] },
  [],
  'x'.repeat(3_000),
  { __proto__: null, '': '' },
];

/** As many receivers as there may be, and sometimes one more, or one of them twice. */
const listOf = (random: SeededRandom, user: string): string[] => [
  ...Array.from({ length: random.integer(98, 100) }, (_, n) => `listed-${n}`),
  random.pick([user, 'listed-1']),
];

function packetOf(random: SeededRandom, users: readonly HostileUser[]): unknown {
  const { user, token } = random.pick(users);
  const id = random.pick(['m1', 'm2', '__proto__', `m${random.integer(0, 1e9)}`]);
  return random.pick([
    { type: 'ping' },
    { type: 'msg:R', id, to: user, body: random.pick(BODIES) },
    { type: 'msg:R', id, to: user, body: random.pick(BODIES), seq: random.integer(0, 9) },
    { type: 'msg:R', id, to: 'nobody', body: random.pick(BODIES) },
    { type: 'msg:R', id, to: [user, 'nobody', 'm1'], body: random.pick(BODIES), thread: 'g:1', read: true },
    { type: 'msg:R', id, to: listOf(random, user), body: 1, ttl: random.pick([1, 5, 2_592_000]), seq: 1 },
    { type: 'msg:R', id, to: user, body: random.pick(BODIES), ttl: random.integer(1, 5), read: true },
    { type: 'read:R', items: [{ from: user, id, read: 'A'.repeat(22) }] },
    { type: 'read:R', items: Array(random.integer(1, 100)).fill({ from: user, id, read: '' }) },
    { type: 'signal:R', to: random.pick([user, [user, 'nobody']]), body: random.pick(BODIES), thread: 'g:1' },
    { type: 'signal:R', to: listOf(random, user), body: { typing: true } },
    { type: 'logout:R' },
    { type: 'ack:R', id, from: user },
    { type: 'offline:R', limit: random.integer(1, 500) },
    { type: 'offline:R' },
    { type: 'offline:A', keys: [`m${random.integer(1, 2_000)}`, `r${random.integer(1, 2_000)}`] },
    { type: 'login:R', token, device: 'default' },
    { type: 'login:R', token, device: 'phone', sync: true },
  ]);
}

/** A packet, mutated or not, in frames that are mutated or not. */
function framed(random: SeededRandom, packet: unknown): Buffer[] {
  const good = Buffer.from(JSON.stringify(packet));
  const how = random.integer(0, 9);
  const data =
    how < 4
      ? good
      : how < 8
        ? Buffer.from(mutateJson(random, packet))
        : how < 9
          ? mutateBytes(random, good)
          : randomBytes(random, 200);
  if (random.chance(0.75)) return [frame(data)];
  const mask = random.integer(0, 0x7fffffff);
  const oddLength = random.pick([0, 1, 65_537, 1n << 31n, 1n << 32n, 1n << 53n, (1n << 64n) - 1n]);
  return random.pick<() => Buffer[]>([
    () =>
      cut(random, data).map((part, n, { length }) =>
        frame(part, { mask, opcode: n === 0 ? 1 : 0, fin: n === length - 1 }),
      ),
    () => [
      frame(data, {
        mask,
        opcode: random.integer(0, 15),
        fin: random.chance(0.5),
        reserved: random.chance(0.3) ? random.integer(0, 7) : 0,
      }),
    ],
    () => [frame(data, { mask: null })],
    () => [frame(data.subarray(0, 300), { mask, length: oddLength, lengthBits: 64 })],
    () => [frame(data.subarray(0, 125), { opcode: OPCODES.ping }), frame(data)],
    () =>
      Array.from({ length: random.integer(1, 400) }, () =>
        frame('x', { opcode: random.pick([OPCODES.ping, OPCODES.pong]) }),
      ),
    () => [
      closeFrame(
        random.pick([0, 999, 1000, 1001, 1005, 1006, 1011, 1015, 3000, 4000, 4999, 5000, 65_535]),
        randomBytes(random, 130),
      ),
    ],
    () => [
      frame(data, { fin: false }),
      frame('x', { opcode: OPCODES.ping }),
      frame('', { opcode: OPCODES.continuation }),
    ],
    () => [mutateBytes(random, frame(data))],
    () => [randomBytes(random, 500)],
    () => Array.from({ length: random.integer(2, 60) }, () => frame(good)),
  ])();
}
