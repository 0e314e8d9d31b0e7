import { expect, test } from 'vitest';
import { ackA, ackN, msgA, msgN } from '#libs/protocol/encode.ts';
import { readPacket } from './packets.ts';

const [id, from, to, at] = ['k3-17', 'a:1@x', 'b.2', 1_795_358_387_421];
const TRAP = '","state":"rejected","id":"other"';

test.each([
  msgA(id, at),
  ackA(id, from),
  msgN({ id, from, bodyText: JSON.stringify(TRAP), at, seq: 3 }),
  ackN({ id, to, state: 'delivered', at }),
  ackN({ id, to, state: 'rejected', at, reason: 'expired' }),
])('reads %s as JSON.parse does, wherever it stands', (text) => {
  const { type, id: named, from: sender, state } = JSON.parse(text) as Record<string, unknown>;
  const expected = Object.fromEntries(
    Object.entries({ type, id: named, ...(type === 'msg:N' && { from: sender }), state }).filter(
      ([, value]) => value !== undefined,
    ),
  );
  expect(readPacket(`..${text}..`, 2, 2 + text.length)).toEqual(expected);
});

test.each([
  '{"type":"pong"}',
  '{"id":"k3-17","type":"msg:A","at":1}',
  '{"type":"ack:N","id":"k3-17","state":"delivered","to":"b.2","at":1}',
  '{"type":"ack:N","id":"k3-17","to":"b.2","at":1,"state":"delivered"}',
  '{"type":"ack:N","id":"k3-17","re":"b.2","state":"delivered","at":1}',
  '{"type":"msg:N","id":"k3-17","at":1,"from":"a","body":1}',
  '{"type":"error","code":"unavailable","message":"…"}',
])('parses %s, which has another order of fields, or is another packet', (text) => {
  expect(readPacket(`..${text}..`, 2, 2 + text.length)).toEqual(JSON.parse(text));
});
