import { describe, expect, test } from 'vitest';
import { ackA, ackN, encode, msgA, msgN, offlineN, signalN } from './encode.ts';
import { SERVER_PACKETS, type ServerType } from './server-packets.ts';

/** The schema of the packet's own type must accept the text, and nothing may be left over. */
function read(text: string): unknown {
  const json = JSON.parse(text) as { type: ServerType };
  expect(SERVER_PACKETS[json.type].strict().parse(json)).toEqual(json);
  return json;
}

describe('server packets as text match their schemas', () => {
  const message = { id: 'a-1', from: 'al@x:y', bodyText: '{"n":-0,"s":"\\u0000\\ud800"}', at: 5 };

  test('msg:A and ack:A', () => {
    expect(read(msgA('m_1', 9))).toEqual({ type: 'msg:A', id: 'm_1', at: 9 });
    expect(read(ackA('m_1', 'al'))).toEqual({ type: 'ack:A', id: 'm_1', from: 'al' });
  });

  test('msg:N carries the body unchanged, with and without seq', () => {
    const body = { n: -0, s: '\u0000\ud800' };
    expect(read(msgN(message))).toEqual({ type: 'msg:N', id: 'a-1', from: 'al@x:y', body, at: 5 });
    expect(read(msgN({ ...message, seq: 0 }))).toMatchObject({ seq: 0 });
  });

  test('msg:N with a thread, a proof, and receivers as sent', () => {
    const more = { thread: 'g:1', read: 'p_-9' };
    const to = ['bob', 'carol'];
    expect(read(msgN({ ...message, ...more, sentTo: to }))).toMatchObject({ ...more, to });
    expect(read(msgN({ ...message, sentTo: 'bob' }))).toMatchObject({ to: 'bob' });
    const page = offlineN([{ ...message, ...more, sentTo: to, key: 'm1' }], [], false, {
      key: 'x7',
      count: 3,
    });
    expect(read(page)).toMatchObject({ messages: [{ ...more, to }], missed: { key: 'x7', count: 3 } });
  });

  test('signal:N', () => {
    const signal = { from: 'al', bodyText: '{"typing":true}', at: 3 };
    expect(read(signalN(signal))).toEqual({ type: 'signal:N', from: 'al', body: { typing: true }, at: 3 });
    expect(read(signalN({ ...signal, thread: 't' }))).toMatchObject({ thread: 't' });
  });

  test('ack:N, with and without a reason', () => {
    const receipt = { id: 'a', to: 'bob', state: 'rejected', at: 1 } as const;
    expect(read(ackN(receipt))).toEqual({ type: 'ack:N', ...receipt });
    expect(read(ackN({ ...receipt, reason: 'expired' }))).toMatchObject({ reason: 'expired' });
  });

  test('offline:N, full and as a hint', () => {
    const receipt = { key: 'r2', id: 'a', to: 'bob', state: 'delivered', at: 1 } as const;
    expect(read(offlineN([{ ...message, key: 'm1' }], [receipt], false))).toMatchObject({
      messages: [{ key: 'm1', id: 'a-1' }],
      receipts: [receipt],
      more: false,
    });
    expect(read(offlineN([], [], true))).toEqual({
      type: 'offline:N',
      messages: [],
      receipts: [],
      more: true,
    });
  });

  test('the rest', () => {
    read(encode({ type: 'error', code: 'bad_packet', message: 'no', re: { type: 'msg:R', id: 'x' } }));
    read(encode({ type: 'bye', reason: 'draining', reconnectAfterMs: 3 }));
    read(encode({ type: 'pong' }));
    read(encode({ type: 'read:A', items: [{ from: 'al', id: 'x' }] }));
    read(encode({ type: 'logout:A' }));
    read(encode({ type: 'bye', reason: 'revoked' }));
  });
});
