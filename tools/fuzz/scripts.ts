import type { Dice } from '../testkit/dice.ts';
import { closeFrame, frame, OPCODES } from './frames.ts';
import { cut, hurtBytes, hurtJson, randomBytes } from './mutate.ts';
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

/** Who is hostile, with a token that is good. */
export interface Villain {
  user: string;
  token: string;
}

/** Makes a script from valid parts, most of which are then hurt somewhere. */
export function scriptOf(dice: Dice, villains: readonly Villain[]): Script {
  const upgrade = Buffer.from(upgradeOf(dice), 'latin1');
  const login = {
    type: 'login:R',
    token: dice.pick(villains).token,
    device: dice.pick(['default', 'phone', 'x']),
  };
  const frames = [dice.chance(0.85) ? frame(JSON.stringify(login)) : framed(dice, login)].flat();
  for (let left = dice.whole(0, 25); left > 0; left--) frames.push(...framed(dice, packetOf(dice, villains)));
  if (dice.chance(0.1)) frames.splice(0, frames.length, ...dice.shuffled(frames));
  const bytes = Buffer.concat(frames);
  const writes = dice.chance(0.3) ? cut(dice, dice.chance(0.3) ? hurtBytes(dice, bytes) : bytes) : frames;
  const all = [...(dice.chance(0.15) ? cut(dice, upgrade) : [upgrade]), ...writes];
  return {
    writes: all.map((write) => write.toString('base64')),
    early: dice.chance(0.2) ? all.length : all.length - writes.length,
    end: dice.pick(['fin', 'reset', 'stay', 'stay', 'stay', 'hang']),
  };
}

function upgradeOf(dice: Dice): string {
  const lines = [...UPGRADE];
  if (dice.chance(0.85)) return request(lines);
  const odd = [
    'Content-Length: 5',
    'Transfer-Encoding: chunked',
    'Host: b',
    ' folded',
    'X: \0',
    `X: ${'x'.repeat(17_000)}`,
  ];
  lines.splice(dice.whole(0, lines.length), dice.whole(0, 2), ...(dice.chance(0.6) ? [dice.pick(odd)] : []));
  const text = request(lines);
  return dice.chance(0.6) ? text : hurtBytes(dice, Buffer.from(text, 'latin1')).toString('latin1');
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

function packetOf(dice: Dice, villains: readonly Villain[]): unknown {
  const { user, token } = dice.pick(villains);
  const id = dice.pick(['m1', 'm2', '__proto__', `m${dice.whole(0, 1e9)}`]);
  return dice.pick([
    { type: 'ping' },
    { type: 'msg:R', id, to: user, body: dice.pick(BODIES) },
    { type: 'msg:R', id, to: user, body: dice.pick(BODIES), seq: dice.whole(0, 9) },
    { type: 'msg:R', id, to: 'nobody', body: dice.pick(BODIES) },
    { type: 'ack:R', id, from: user },
    { type: 'offline:R', limit: dice.whole(1, 500) },
    { type: 'offline:R' },
    { type: 'offline:A', keys: [`m${dice.whole(1, 2_000)}`, `r${dice.whole(1, 2_000)}`] },
    { type: 'login:R', token, device: 'default' },
  ]);
}

/** A packet, hurt or not, in frames that are hurt or not. */
function framed(dice: Dice, packet: unknown): Buffer[] {
  const good = Buffer.from(JSON.stringify(packet));
  const how = dice.whole(0, 9);
  const data =
    how < 4
      ? good
      : how < 8
        ? Buffer.from(hurtJson(dice, packet))
        : how < 9
          ? hurtBytes(dice, good)
          : randomBytes(dice, 200);
  if (dice.chance(0.75)) return [frame(data)];
  const mask = dice.whole(0, 0x7fffffff);
  const oddLength = dice.pick([0, 1, 65_537, 1n << 31n, 1n << 32n, 1n << 53n, (1n << 64n) - 1n]);
  return dice.pick<() => Buffer[]>([
    () =>
      cut(dice, data).map((part, n, { length }) =>
        frame(part, { mask, opcode: n === 0 ? 1 : 0, fin: n === length - 1 }),
      ),
    () => [
      frame(data, {
        mask,
        opcode: dice.whole(0, 15),
        fin: dice.chance(0.5),
        reserved: dice.chance(0.3) ? dice.whole(0, 7) : 0,
      }),
    ],
    () => [frame(data, { mask: null })],
    () => [frame(data.subarray(0, 300), { mask, length: oddLength, lengthBits: 64 })],
    () => [frame(data.subarray(0, 125), { opcode: OPCODES.ping }), frame(data)],
    () =>
      Array.from({ length: dice.whole(1, 400) }, () =>
        frame('x', { opcode: dice.pick([OPCODES.ping, OPCODES.pong]) }),
      ),
    () => [
      closeFrame(
        dice.pick([0, 999, 1000, 1001, 1005, 1006, 1011, 1015, 3000, 4000, 4999, 5000, 65_535]),
        randomBytes(dice, 130),
      ),
    ],
    () => [
      frame(data, { fin: false }),
      frame('x', { opcode: OPCODES.ping }),
      frame('', { opcode: OPCODES.continuation }),
    ],
    () => [hurtBytes(dice, frame(data))],
    () => [randomBytes(dice, 500)],
    () => Array.from({ length: dice.whole(2, 60) }, () => frame(good)),
  ])();
}
