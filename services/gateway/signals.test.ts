import { beforeEach, expect, test } from 'vitest';
import { signalsTotal } from '#libs/broker/metrics.ts';
import { deliverSignals, MAX_SEND_BUFFER_BYTES, type SignalledSession } from './signals.ts';

beforeEach(() => signalsTotal.reset());

const sent: string[] = [];
const session = (over: { open?: boolean; sendBufferBytes?: number; writable?: boolean } = {}) =>
  ({
    writable: over.writable ?? true,
    connection: {
      open: true,
      sendBufferBytes: 0,
      send: (_type: string, text: string) => void sent.push(text),
      ...over,
    },
  }) as SignalledSession;

const deliver = (sessions: Record<string, SignalledSession>, entry: object) =>
  deliverSignals(new Map(Object.entries(sessions)), [Buffer.from(JSON.stringify([entry]))]);

async function outcomes() {
  const { values } = await signalsTotal.get();
  return Object.fromEntries(values.map(({ labels, value }) => [String(labels.outcome), value]));
}

const entry = { from: 'alice', body: '{"a": 1}', at: 7, sessions: ['one', 'two', 'gone'] };

test('a signal goes to the sessions that are there; the body as it was written', async () => {
  sent.length = 0;
  deliver({ one: session(), two: session({ open: false }) }, entry);
  expect(sent).toEqual(['{"type":"signal:N","from":"alice","body":{"a": 1},"at":7}']);
  expect(await outcomes()).toEqual({ live: 1, away: 2 });
});

test('a client with much to read, or without its login:A, gets none', async () => {
  sent.length = 0;
  deliver(
    { one: session({ sendBufferBytes: MAX_SEND_BUFFER_BYTES + 1 }), two: session({ writable: false }) },
    { ...entry, sessions: ['one', 'two'] },
  );
  expect(sent).toEqual([]);
  expect(await outcomes()).toEqual({ dropped: 2 });
});

test('a body that is no JSON reaches nobody', () => {
  sent.length = 0;
  deliver({ one: session() }, { ...entry, body: '1}' });
  expect(sent).toEqual([]);
});
