import { describe, expect, test } from 'vitest';
import { SERVER_PACKETS, type ServerPacket } from '../protocol/server-packets.ts';
import { readServerPacket } from './server-packets.ts';

const limits = {
  maxPacketBytes: 1,
  sendWindow: 2,
  receiveWindow: 3,
  ackTimeoutMs: 4,
  ratePerS: 5,
  maxReceivers: 6,
};
const message = { id: 'm1', from: 'bob', body: null, at: 1 };
const receipt = { id: 'm1', to: 'bob', state: 'rejected', at: 1, reason: 'expired' } as const;

/** One of each, with every field. */
const SAMPLES: ServerPacket[] = [
  { type: 'login:A', user: 'alice', device: 'd', session: 's', at: 1, limits, sync: true },
  { type: 'msg:A', id: 'm1', at: 1 },
  { type: 'msg:N', ...message, seq: 0, thread: 't', read: 'p', to: ['carol'] },
  { type: 'ack:A', id: 'm1', from: 'bob' },
  { type: 'ack:N', ...receipt },
  {
    type: 'offline:N',
    messages: [{ key: 'k', ...message }],
    receipts: [{ key: 'k', ...receipt }],
    more: true,
    missed: { key: 'k', count: 2 },
  },
  { type: 'read:A', items: [{ from: 'bob', id: 'm1' }] },
  { type: 'signal:N', from: 'bob', body: null, at: 1, thread: 't' },
  { type: 'logout:A' },
  { type: 'pong' },
  { type: 'bye', reason: 'draining', reconnectAfterMs: 5 },
  {
    type: 'error',
    code: 'bad_packet',
    message: 'x',
    re: { type: 'msg:R', id: 'm1', from: 'bob', to: ['carol'] },
  },
];

/** Fields that the client does not read; a packet without them is good enough for it. */
const UNREAD = new Set(['login:A.limits.receiveWindow', 'login:A.limits.ackTimeoutMs']);

/** Every packet that has one field of `packet` replaced by `value`; undefined takes it out. */
function* variants(packet: object, value: unknown, path = ''): Generator<[string, object]> {
  for (const [name, field] of Object.entries(packet)) {
    if (path === '' && name === 'type') continue;
    const here = `${path}.${name}`;
    yield [here, { ...packet, [name]: value }]; // JSON leaves out what is undefined
    if (Array.isArray(field) && typeof field[0] === 'object') {
      for (const [inner, item] of variants(field[0] as object, value, here))
        yield [inner, { ...packet, [name]: [item] }];
    } else if (typeof field === 'object' && field !== null && !Array.isArray(field)) {
      for (const [inner, item] of variants(field as object, value, here))
        yield [inner, { ...packet, [name]: item }];
    }
  }
}

describe('readServerPacket', () => {
  test('there is a sample of every packet', () => {
    expect(SAMPLES.map(({ type }) => type).sort()).toEqual(Object.keys(SERVER_PACKETS).sort());
  });

  test.each(SAMPLES)('agrees with the schema on $type, whatever field is missing or off', (sample) => {
    const schema = SERVER_PACKETS[sample.type];
    expect(readServerPacket(JSON.stringify(sample))).toEqual(sample);
    for (const value of [undefined, { odd: 1 }, null]) {
      for (const [path, packet] of variants(sample, value)) {
        if (UNREAD.has(`${sample.type}${path}`)) continue;
        const read = readServerPacket(JSON.stringify(packet));
        expect(!(read instanceof Error), `${path} = ${JSON.stringify(value)}`).toBe(
          schema.safeParse(packet).success,
        );
      }
    }
  });

  test('ignores what it does not know', () => {
    expect(readServerPacket('{"type":"typing:N","from":"bob"}')).toBeUndefined();
    expect(readServerPacket('{"type":"toString"}')).toBeUndefined();
    expect(readServerPacket('{"type":"pong","new":1}')).toEqual({ type: 'pong', new: 1 });
  });

  test.each(['', 'null', '[]', '7', '{}', '{"type":7}', new ArrayBuffer(1)])(
    'takes %s for no packet',
    (data) => {
      expect(readServerPacket(data)).toBeInstanceOf(Error);
    },
  );
});
