import { afterAll, beforeAll, expect, test } from 'vitest';
import { emptyMailbox } from './harness/mailbox.ts';
import { connectAs, isHint, type RawClient } from './harness/raw-client.ts';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';

/** What happens to messages that a receiver does not answer, or not fast enough (PROTOCOL: msg:N; G6, G7). */

const ACK_TIMEOUT_MS = 500;
/** Deadlines are swept five times a second; the rest is for the way to the mailbox and back, on a busy machine. */
const LATE_MS = 30_000;

let stack: Stack;
let plain: ServiceHandle;
let narrow: ServiceHandle;
let hasty: ServiceHandle;
let crowded: ServiceHandle;
let strict: ServiceHandle;
let patient: ServiceHandle;
let alice: RawClient;

beforeAll(async () => {
  stack = await startStack({
    gateways: 1,
    env: { QUEUE_SETTLE_MS: '0', RATE_LIMIT_PER_S: '10000', RATE_BURST: '10000', RECEIVE_WINDOW: '4' },
  });
  [plain] = stack.gateways as [ServiceHandle];
  [narrow, hasty, crowded, strict, patient] = await Promise.all([
    stack.addGateway({ SESSION_QUEUE: '20' }),
    stack.addGateway({ ACK_TIMEOUT_MS: String(ACK_TIMEOUT_MS) }),
    // Nothing is overdue there: what comes back early does so to make room.
    stack.addGateway({ GATEWAY_PREFETCH: '10', RECEIVE_WINDOW: '128', ACK_TIMEOUT_MS: '600000' }),
    stack.addGateway({ SEND_WINDOW: '2' }),
    stack.addGateway({ ACK_TIMEOUT_MS: '600000' }),
  ]);
  alice = await connectAs(stack, plain, 'alice');
});

afterAll(() => stack.stop());

const ids = (count: number, prefix: string) => Array.from({ length: count }, (_, n) => `${prefix}${n}`);
const received = (client: RawClient) => client.all('msg:N').map(({ id }) => id);
const answer = (client: RawClient, id: string) => client.send({ type: 'ack:R', id, from: 'alice' });
const told = (to: string, state: 'stored' | 'delivered') =>
  alice.all('ack:N', { to, state }).map(({ id }) => id);

/** Messages that came back from gateways so far, for that reason. */
async function returned(reason: string): Promise<number> {
  const [routing] = stack.routing as [ServiceHandle];
  return (await stack.metrics(routing)).value('sixfold_returned_total', { reason });
}

async function untilHeld(gateway: ServiceHandle, messages: number): Promise<void> {
  await until(async () => (await stack.metrics(gateway)).value('sixfold_inflight_messages') === messages, {
    what: `${messages} messages at ${gateway.name}`,
  });
}

test('only so many msg:N are unanswered at a time; further ones wait, and come in order', async () => {
  await using bob = await connectAs(stack, narrow, 'bob');
  expect(bob.all('login:A')[0]?.limits.receiveWindow).toBe(4);
  const sent = ids(12, 'w');
  for (const id of sent) alice.msg('bob', id);
  await untilHeld(narrow, 12);
  await until(() => received(bob).length >= 4, { what: 'a window of messages' });
  expect(received(bob)).toEqual(sent.slice(0, 4));

  // Each answer makes room for one more, whichever it is.
  for (const [answers, id] of ['w1', 'w0', 'w3'].entries()) {
    answer(bob, id);
    await bob.next('msg:N', { id: `w${4 + answers}` });
    expect(received(bob)).toEqual(sent.slice(0, 5 + answers));
  }
  for (const id of sent) {
    if (['w1', 'w0', 'w3'].includes(id)) continue;
    await until(() => received(bob).includes(id), { what: `msg:N ${id}` });
    answer(bob, id);
  }
  await until(() => told('bob', 'delivered').length === sent.length, { what: 'delivered for all' });
  expect(received(bob)).toEqual(sent);
  expect(told('bob', 'stored')).toEqual([]);
});

test('when the oldest is overdue all that the session holds goes to the mailbox; a late answer has no effect', async () => {
  await using carol = await connectAs(stack, hasty, 'carol');
  const sent = ids(10, 't');
  const overdue = await returned('ack_timeout');
  const startedAt = Date.now();
  for (const id of sent) alice.msg('carol', id);
  await untilHeld(hasty, 10);
  answer(carol, 't1'); // not the oldest
  await carol.next('ack:A', { id: 't1' });
  await until(() => told('carol', 'stored').length === 9, { what: 'the others to be stored' });
  const took = Date.now() - startedAt;
  expect(took).toBeGreaterThanOrEqual(ACK_TIMEOUT_MS);
  expect(took).toBeLessThan(ACK_TIMEOUT_MS + LATE_MS);
  expect((await returned('ack_timeout')) - overdue).toBe(9);
  expect(told('carol', 'delivered')).toEqual(['t1']);
  await carol.next('offline:N', isHint);

  answer(carol, 't0');
  await carol.next('ack:A', { id: 't0' });
  const { messages } = await carol.pull();
  expect(messages.map(({ id }) => id)).toEqual(sent.filter((id) => id !== 't1'));
  const keyOf = new Map(messages.map(({ id, key }) => [id, key]));
  const others = messages.filter(({ id }) => id !== 't0').map(({ key }) => key);
  carol.send({ type: 'offline:A', keys: others });
  await alice.next('offline:N', isHint);
  const first = await emptyMailbox(alice);
  expect(first.receipts.map(({ id }) => id).sort()).toEqual(sent.filter((id) => !['t0', 't1'].includes(id)));
  expect((await carol.pull()).messages.map(({ id }) => id)).toEqual(['t0']);
  carol.send({ type: 'offline:A', keys: [keyOf.get('t0') ?? ''] });
  await alice.next('offline:N', isHint);
  expect((await emptyMailbox(alice)).receipts).toMatchObject([{ id: 't0', to: 'carol', state: 'delivered' }]);

  alice.msg('carol', 'next');
  await carol.next('msg:N', { id: 'next' });
  answer(carol, 'next');
  await alice.next('ack:N', { id: 'next', state: 'delivered' });
  expect(told('carol', 'delivered')).toEqual(['t1', 'next']); // the late answer told nobody anything
});

test('more than may wait in a session goes to the mailbox, the rest stays live and in order', async () => {
  await using dave = await connectAs(stack, narrow, 'dave');
  const sent = ids(40, 'q');
  const tooMany = await returned('session_full');
  for (const id of sent) alice.msg('dave', id);
  await until(() => told('dave', 'stored').length === 16, { what: '4 + 20 to stay, 16 to be stored' });
  expect(told('dave', 'stored').sort()).toEqual(sent.slice(24).sort());
  expect((await returned('session_full')) - tooMany).toBe(16);
  await dave.next('offline:N', isHint);
  for (const id of sent.slice(0, 24)) {
    await dave.next('msg:N', { id });
    answer(dave, id);
  }
  await until(() => told('dave', 'delivered').length === 24, { what: '24 to be delivered' });
  expect(received(dave)).toEqual(sent.slice(0, 24));
  expect((await emptyMailbox(dave)).messages.map(({ id }) => id)).toEqual(sent.slice(24));
});

test('more bytes than may wait in a session go to the mailbox', async () => {
  await using erin = await connectAs(stack, patient, 'erin');
  const sent = ids(147, 'y');
  const stay = 143; // 4 sent, and 139 waiting: 139 * 60,000 bytes of the 8 MiB
  const tooMany = await returned('session_full');
  for (const part of [sent.slice(0, 75), sent.slice(75)]) {
    for (const id of part) alice.msg('erin', id, 'x'.repeat(59_998));
    await alice.next('msg:A', { id: String(part.at(-1)) }); // the send window has room again
  }
  await until(() => told('erin', 'stored').length === 4, { what: '4 to be stored' });
  expect(told('erin', 'stored').sort()).toEqual(sent.slice(stay).sort());
  expect((await returned('session_full')) - tooMany).toBe(4);
  for (const id of sent.slice(0, stay)) {
    await erin.next('msg:N', { id });
    answer(erin, id);
  }
  await until(() => told('erin', 'delivered').length === stay, { what: 'the others to be delivered' });
});

test('a user who never answers does not hold up others on the same gateway', async () => {
  await using silent = await connectAs(stack, crowded, 'silent');
  await using lively = await connectAs(stack, crowded, 'lively', { autoAck: true });
  const early = await returned('gateway_full');
  // More deliveries than the gateway takes from the broker without having settled any.
  for (const id of ids(16, 'p')) {
    alice.msg('silent', id);
    await alice.next('msg:A', { id });
  }
  for (const id of ids(20, 'l')) {
    alice.msg('lively', id);
    await alice.next('msg:A', { id });
  }
  await until(() => told('lively', 'delivered').length === 20, { what: 'all at lively' });
  expect(told('lively', 'stored')).toEqual([]);
  expect(lively.all('msg:N').map(({ id }) => id)).toEqual(ids(20, 'l'));
  const back = told('silent', 'stored');
  expect(back.length).toBeGreaterThan(0);
  expect(back).toEqual(ids(back.length, 'p')); // the oldest
  expect(await returned('gateway_full')).toBeGreaterThan(early);
  await silent.next('offline:N', isHint);
});

test('more msg:R than the send window without their msg:A are refused, and have no effect', async () => {
  await using fred = await connectAs(stack, strict, 'fred');
  await using gwen = await connectAs(stack, plain, 'gwen', { autoAck: true });
  expect(fred.all('login:A')[0]?.limits.sendWindow).toBe(2);
  const sent = ids(100, 'b');
  for (const id of sent) fred.msg('gwen', id);
  await until(() => fred.all('msg:A').length + fred.all('error').length === sent.length, {
    what: 'all answers',
  });
  const accepted = fred.all('msg:A').map(({ id }) => id);
  const refused = fred.all('error');
  expect(refused.length).toBeGreaterThan(0);
  expect(new Set(refused.map(({ code }) => code))).toEqual(new Set(['window_full']));
  expect(refused.map(({ re }) => re)).toEqual(
    sent.filter((id) => !accepted.includes(id)).map((id) => ({ type: 'msg:R', id })),
  );
  await until(() => fred.all('ack:N', { state: 'delivered' }).length === accepted.length, {
    what: 'delivered',
  });
  expect(received(gwen)).toEqual(accepted);
  fred.msg('gwen', String(refused[0]?.re?.id));
  await fred.next('ack:N', { id: String(refused[0]?.re?.id), state: 'delivered' });
});

test('a flood for somebody who does not answer: what the gateway holds is bounded by bytes, others are served, nothing is lost', async () => {
  const MAX_UNSETTLED_BYTES = 1024 * 1024;
  const small = await stack.addGateway({ MAX_UNSETTLED_BYTES: String(MAX_UNSETTLED_BYTES) });
  await using glutton = await connectAs(stack, small, 'glutton');
  await using lively = await connectAs(stack, small, 'lively-2', { autoAck: true });
  const sent = ids(120, 'b');
  for (const id of sent) alice.msg('glutton', id, 'x'.repeat(50_000));
  let most = 0;
  const early = () => told('glutton', 'stored');
  // At most so much may stay at the gateway.
  const fits = (MAX_UNSETTLED_BYTES * 0.8) / 50_000;
  await until(
    async () => {
      most = Math.max(most, (await stack.metrics(small)).value('sixfold_unsettled_bytes'));
      return early().length >= sent.length - fits;
    },
    { what: 'what does not fit to be in the mailbox', timeoutMs: 30_000 },
  );
  expect(most).toBeGreaterThan(0);
  expect(most).toBeLessThanOrEqual(MAX_UNSETTLED_BYTES);
  expect((await stack.metrics(small)).value('sixfold_unsettled_pauses_total')).toBeGreaterThan(0);
  alice.msg('lively-2', 'beside');
  await alice.next('ack:N', { id: 'beside', state: 'delivered' });
  expect(received(lively)).toEqual(['beside']);
  await glutton.terminate();
  await until(() => early().length === sent.length, { what: 'all to be in the mailbox', timeoutMs: 30_000 });
  await using again = await connectAs(stack, small, 'glutton');
  const kept = (await emptyMailbox(again)).messages.map(({ id }) => id);
  expect(new Set(kept)).toEqual(new Set(sent));
});
