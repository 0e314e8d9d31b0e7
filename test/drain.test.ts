import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Client, connect, type OutgoingMessage } from '#libs/client/index.ts';
import { emptyMailbox } from './harness/mailbox.ts';
import { queueExists } from './harness/queues.ts';
import { connectAs, connectRaw, isHint } from './harness/raw-client.ts';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';

/** Deploys and shutdowns: clients are told, nothing is lost, and the processes end in order (PROTOCOL: draining). */

const DRAIN_TIMEOUT_MS = 8_000;
const DRAIN_SPREAD_MS = 400;
/** A drain, then what is under way to the broker; and a busy machine. */
const EXIT_WITHIN_MS = DRAIN_TIMEOUT_MS + 30_000;

let stack: Stack;
let one: ServiceHandle;
let two: ServiceHandle;
/** They end and do not come back: a fresh gateway is cheaper than a restart. They drain long enough for a busy machine. */
const LONG_DRAIN_MS = 60_000;
let three: ServiceHandle;
let four: ServiceHandle;

beforeAll(async () => {
  stack = await startStack({
    routing: 2,
    env: {
      QUEUE_SETTLE_MS: '0', // the broker lives all through it
      DRAIN_TIMEOUT_MS: String(DRAIN_TIMEOUT_MS),
      DRAIN_SPREAD_MS: String(DRAIN_SPREAD_MS),
      RATE_LIMIT_PER_S: '10000',
      RATE_BURST: '10000',
    },
  });
  [one, two] = stack.gateways as [ServiceHandle, ServiceHandle];
  const env = { DRAIN_TIMEOUT_MS: String(LONG_DRAIN_MS) };
  [three, four] = await Promise.all([stack.addGateway(env), stack.addGateway(env)]);
});

afterAll(() => stack.stop());

/** Messages that gateways gave back because they drained, so far. */
async function returned(): Promise<number> {
  const metrics = await Promise.all(stack.routing.map((handle) => stack.metrics(handle)));
  const counts = metrics.map((each) => each.value('sixfold_returned_total', { reason: 'draining' }));
  return counts.reduce((sum, count) => sum + count, 0);
}

test('SIGTERM: every client is told; who has something in flight may answer; the rest goes to the mailbox', async () => {
  const [row] = await stack.sql("SELECT gateway FROM gateways WHERE gateway LIKE 'gateway-2.%'");
  const incarnation = String(row?.['gateway']);
  await using alice = await connectAs(stack, one, 'alice');
  const idle = await connectAs(stack, two, 'idle');
  const answering = await connectAs(stack, two, 'answering');
  const silent = await connectAs(stack, two, 'silent');
  const stranger = await connectRaw(two.url);
  const clients = [idle, answering, silent, stranger];
  for (const to of ['answering', 'silent']) alice.msg(to, 'inflight');
  await Promise.all([answering, silent].map((client) => client.next('msg:N', { id: 'inflight' })));

  const before = await returned();
  const begin = Date.now();
  two.signal('SIGTERM');
  for (const client of clients) {
    const { reason, reconnectAfterMs } = await client.next('bye');
    expect(reason).toBe('draining');
    expect(reconnectAfterMs).toBeGreaterThanOrEqual(0);
    expect(reconnectAfterMs).toBeLessThanOrEqual(DRAIN_SPREAD_MS);
  }
  for (const client of [idle, stranger]) expect((await client.closed).code).toBe(1012);
  expect(silent.ws.readyState).toBe(silent.ws.OPEN);

  const ready = await fetch(`${two.http}/readyz`);
  expect([ready.status, await ready.text()]).toEqual([503, 'draining\n']);
  expect((await fetch(`${two.http}/healthz`)).status).toBe(200);
  await expect(connectRaw(two.url)).rejects.toThrow('503');
  await until(
    async () => (await stack.sql('SELECT 1 FROM sessions WHERE gateway = $1', [incarnation])).length === 0,
    {
      what: 'the sessions to be gone',
    },
  );
  alice.msg('silent', 'during');
  await alice.next('ack:N', { id: 'during', state: 'stored' });

  answering.send({ type: 'ack:R', id: 'inflight', from: 'alice' });
  await answering.next('ack:A', { id: 'inflight' });
  expect((await answering.closed).code).toBe(1012);
  await alice.next('ack:N', { id: 'inflight', to: 'answering', state: 'delivered' });
  expect(silent.ws.readyState).toBe(silent.ws.OPEN);

  expect((await silent.closed).code).toBe(1012);
  await alice.next('ack:N', { id: 'inflight', to: 'silent', state: 'stored' });
  expect((await returned()) - before).toBe(1); // by the gateway, not by its heirs
  expect(await two.exited()).toEqual({ code: 0, signal: null });
  const took = Date.now() - begin;
  expect(took).toBeGreaterThanOrEqual(DRAIN_TIMEOUT_MS);
  expect(took).toBeLessThan(EXIT_WITHIN_MS);

  await using back = await connectAs(stack, one, 'silent');
  expect((await emptyMailbox(back)).messages.map(({ id }) => id).sort()).toEqual(['during', 'inflight']);
  await alice.next('offline:N', isHint);
  await until(
    async () => (await stack.sql('SELECT 1 FROM gateways WHERE gateway = $1', [incarnation])).length === 0,
    {
      what: 'the incarnation to be forgotten',
    },
  );
  expect(await queueExists(stack, `sixfold.gateway.${incarnation}`)).toBe(false);
  await two.restart();
});

test('a gateway without clients ends at once', async () => {
  const begin = Date.now();
  expect(await three.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  expect(Date.now() - begin).toBeLessThan(LONG_DRAIN_MS);
});

test('a second signal forces the end, and what was in flight is the heirs’', async () => {
  await using alice = await connectAs(stack, one, 'anna');
  const silent = await connectAs(stack, four, 'stan');
  alice.msg('stan', 'inflight');
  await silent.next('msg:N', { id: 'inflight' });
  four.signal('SIGTERM');
  await silent.next('bye');
  const begin = Date.now();
  expect(await four.kill('SIGTERM')).toEqual({ code: 1, signal: null });
  expect(Date.now() - begin).toBeLessThan(LONG_DRAIN_MS);
  await alice.next('ack:N', { id: 'inflight', state: 'stored' });
});

/** A conversation that never pauses: one user sends to the other, both with the reference client. */
class Conversation {
  readonly shown: string[] = [];
  readonly sent: OutgoingMessage[] = [];
  readonly problems: unknown[] = [];
  readonly #sender: Client;
  readonly #receiver: Client;
  readonly #stop = new AbortController();
  readonly #sending: Promise<void>;

  constructor(gateways: ServiceHandle[], n: number) {
    const urls = gateways.map(({ url }) => url);
    const client = (user: string) => {
      const made = connect({ urls: n % 2 ? urls : urls.toReversed(), token: () => stack.token(user) });
      made.onError((error) => this.problems.push(error));
      return made;
    };
    this.#sender = client(`sender-${n}`);
    this.#receiver = client(`receiver-${n}`);
    this.#receiver.onMessage(({ id }) => this.shown.push(id));
    this.#sending = this.#send(`receiver-${n}`);
  }

  async online(): Promise<void> {
    await Promise.all([this.#sender.connected(), this.#receiver.connected()]);
  }

  /** Stops sending, and waits until the fate of everything is known. */
  async end(): Promise<void> {
    this.#stop.abort();
    await this.#sending;
    await until(() => this.sent.every(({ state }) => state === 'delivered'), {
      what: 'everything to be delivered',
    });
    await Promise.all([this.#sender.close(), this.#receiver.close()]);
  }

  async #send(to: string): Promise<void> {
    for (let seq = 0; !this.#stop.signal.aborted; seq++) {
      this.sent.push(this.#sender.send(to, { seq }, { seq }));
      await delay(20); // the load, not a wait
    }
  }
}

test('a rolling restart under load: each message is shown once, all are delivered, and no client sees an error', async () => {
  const conversations = [0, 1, 2].map((n) => new Conversation([one, two], n));
  await Promise.all(conversations.map((conversation) => conversation.online()));
  for (const handle of [one, two, ...stack.routing, ...stack.ack]) {
    const before = conversations.map(({ shown }) => shown.length);
    await handle.restart();
    await until(() => conversations.every(({ shown }, n) => shown.length > (before[n] ?? 0)), {
      what: `messages after the restart of ${handle.name}`,
    });
  }
  for (const conversation of conversations) await conversation.end();
  for (const { sent, shown, problems } of conversations) {
    expect(shown.toSorted()).toEqual(sent.map(({ id }) => id).toSorted());
    expect(problems).toEqual([]);
  }
});

test('DRAIN_DELAY_MS: not ready any more, a gateway takes clients still, and lets all of them go in the end', async () => {
  const gateway = await stack.addGateway({ DRAIN_DELAY_MS: '2000' });
  const before = await connectAs(stack, gateway, 'before');
  gateway.signal('SIGTERM');
  await until(async () => (await fetch(`${gateway.http}/readyz`)).status === 503, {
    what: 'it to be not ready',
  });
  const during = await connectAs(stack, gateway, 'during');
  for (const client of [before, during]) {
    await client.next('bye', { reason: 'draining' });
    expect((await client.closed).code).toBe(1012);
  }
  expect(await gateway.exited()).toEqual({ code: 0, signal: null });
});
