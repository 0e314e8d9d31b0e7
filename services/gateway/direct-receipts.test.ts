import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { LiveMessage } from '#libs/broker/entries.ts';
import { AVOIDED_MS, GATEWAYS_AT_A_TIME } from './direct-receipts.ts';
import { GatewayFixture } from './testing/gateway-fixture.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** Lets everything happen that takes no time. */
const soon = () => vi.advanceTimersByTimeAsync(1);

/** A connected receiver. */
async function receiver() {
  const fixture = new GatewayFixture();
  await fixture.connect();
  fixture.grant();
  const { connection, packets } = fixture.login('bob');
  await soon();
  const session = fixture.of('session-up')[0]?.session ?? '';
  fixture.deliver({ kind: 'registered', session, mail: false });
  /** A message from a session at that gateway comes, and is answered. */
  const confirm = async (id: string, gateway: string, more: Partial<LiveMessage> = { direct: true }) => {
    const reply = { gateway, session: 's' };
    const names = { from: 'alice', id, to: 'bob' };
    fixture.deliver({ kind: 'message', session, ...names, body: '1', at: 1, reply, ...more });
    void fixture.gateway.receive(connection, JSON.stringify({ type: 'ack:R', id, from: 'alice' }));
    await soon();
  };
  /** What was confirmed by way of the ack service. */
  const throughAck = () =>
    (fixture.routed as { kind: string; id?: string }[]).flatMap(({ kind, id }) =>
      kind === 'ack' ? [id] : [],
    );
  const answered = () => packets.flatMap((packet) => (packet.type === 'ack:A' ? [packet.id] : []));
  const errors = () => packets.flatMap((packet) => (packet.type === 'error' ? [packet.code] : []));
  return { fixture, confirm, throughAck, answered, errors };
}

test("a confirmation that is nobody else's news goes straight to the sender's gateway; ack:A follows the confirm", async () => {
  const { fixture, confirm, throughAck, answered } = await receiver();
  await confirm('m', 'other.1');
  const receipt = { kind: 'receipt', session: 's', user: 'alice', id: 'm', to: 'bob', state: 'delivered' };
  expect(fixture.sent).toEqual([
    ['other.1', { ...receipt, at: expect.any(Number) as number, sentAt: 1, addressed: true }],
  ]);
  expect([throughAck(), answered()]).toEqual([[], ['m']]);
});

test('one that others have to hear of takes the ack queue, with the address', async () => {
  const { fixture, confirm, throughAck, answered } = await receiver();
  await confirm('m', 'other.1', {});
  expect(fixture.sent).toEqual([]);
  expect([throughAck(), answered()]).toEqual([['m'], ['m']]);
  expect(fixture.routed.at(-1)).toMatchObject({ reply: { gateway: 'other.1', session: 's' } });
});

test('a gateway whose queue does not confirm is avoided for a while: the ack queue takes the receipts', async () => {
  const { fixture, confirm, throughAck, answered, errors } = await receiver();
  fixture.silent.add('other.1');
  await confirm('late', 'other.1');
  expect(answered()).toEqual([]);
  await vi.advanceTimersByTimeAsync(fixture.gateway.config.CONFIRM_TIMEOUT_MS + 10);
  expect(errors()).toEqual(['unavailable']);
  await confirm('next', 'other.1');
  expect([throughAck(), answered()]).toEqual([['next'], ['next']]);
  fixture.silent.clear();
  await vi.advanceTimersByTimeAsync(AVOIDED_MS);
  await confirm('again', 'other.1');
  expect([throughAck(), answered()]).toEqual([['next'], ['next', 'again']]);
});

test('receipts for many gateways at a time share the ack queue', async () => {
  const { fixture, confirm, throughAck } = await receiver();
  const busy = Array.from({ length: GATEWAYS_AT_A_TIME }, (_, n) => `busy-${n}.1`);
  for (const [n, gateway] of busy.entries()) {
    fixture.silent.add(gateway);
    await confirm(`b${n}`, gateway);
  }
  await confirm('more', 'other.1');
  expect(throughAck()).toEqual(['more']);
  await confirm('same', 'busy-0.1'); // joins the group that is next there
  expect(throughAck()).toEqual(['more']);
  expect(fixture.sent).toEqual([]);
});

test('without a broker the client hears of it at once', async () => {
  const { fixture, confirm, answered, errors } = await receiver();
  fixture.broker = 'down';
  await confirm('m', 'other.1');
  expect([answered(), errors()]).toEqual([[], ['unavailable']]);
  fixture.broker = 'up';
  await confirm('m', 'other.1');
  expect(answered()).toEqual(['m']);
});
