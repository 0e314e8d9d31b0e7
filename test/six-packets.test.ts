import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Labels } from './harness/metrics.ts';
import { connectAs, connectRaw, type RawClient } from './harness/raw-client.ts';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';

/** What a message goes through while all is well, and what an operator sees of it. */

let stack: Stack;

beforeAll(async () => {
  stack = await startStack();
});

afterAll(() => stack.stop());

describe('the six packets', () => {
  let alice: RawClient;
  let bob: RawClient;

  beforeAll(async () => {
    alice = await connectAs(stack, stack.gateways[0], 'alice');
    bob = await connectAs(stack, stack.gateways[1], 'bob');
  });

  afterAll(async () => {
    await alice.close();
    await bob.close();
  });

  test('go from a client of one gateway to a client of another, and back', async () => {
    const before = Date.now();
    alice.send({ type: 'msg:R', id: 'six', to: 'bob', body: { text: 'hello' }, seq: 7 });
    const accepted = await alice.next('msg:A');
    const message = await bob.next('msg:N');
    bob.send({ type: 'ack:R', id: message.id, from: message.from });
    const confirmed = await bob.next('ack:A');
    const receipt = await alice.next('ack:N');

    const { at } = accepted;
    expect(accepted).toEqual({ type: 'msg:A', id: 'six', at });
    expect(at).toBeGreaterThanOrEqual(before);
    expect(at).toBeLessThanOrEqual(Date.now());
    expect(message).toEqual({ type: 'msg:N', id: 'six', from: 'alice', body: { text: 'hello' }, at, seq: 7 });
    expect(confirmed).toEqual({ type: 'ack:A', id: 'six', from: 'alice' });
    expect(receipt).toEqual({
      type: 'ack:N',
      id: 'six',
      to: 'bob',
      state: 'delivered',
      at: expect.any(Number) as number,
    });
    expect(receipt.at).toBeGreaterThanOrEqual(at);
  });

  test('msg:A does not wait for the receiver, and nothing is called delivered before its ack:R', async () => {
    alice.msg('bob', 'held');
    await alice.next('msg:A', { id: 'held' });
    await bob.next('msg:N', { id: 'held' });

    alice.msg('bob', 'answered'); // takes the same way, behind it
    await bob.next('msg:N', { id: 'answered' });
    bob.send({ type: 'ack:R', id: 'answered', from: 'alice' });
    await alice.next('ack:N', { id: 'answered', state: 'delivered' });
    expect(alice.all('ack:N', { id: 'held' })).toEqual([]);

    bob.send({ type: 'ack:R', id: 'held', from: 'alice' });
    await bob.next('ack:A', { id: 'held' });
    await alice.next('ack:N', { id: 'held', state: 'delivered' });
    expect(alice.all('ack:N', { id: 'held' })).toHaveLength(1);
  });

  test('at increases strictly within a session, and is the same for both sides', async () => {
    const ids = Array.from({ length: 60 }, (_, n) => `at-${n}`);
    for (const id of ids) alice.msg('bob', id);
    let previous = 0;
    for (const id of ids) {
      const { at } = await alice.next('msg:A', { id });
      const message = await bob.next('msg:N', { id });
      bob.send({ type: 'ack:R', id, from: 'alice' });
      expect(message.at).toBe(at);
      expect(at).toBeGreaterThan(previous);
      previous = at;
    }
  });

  test.each([0, 1, Number.MAX_SAFE_INTEGER, undefined])('seq %s comes as it was sent', async (seq) => {
    const id = `seq-${seq ?? 'none'}`;
    alice.msg('bob', id, null, seq);
    const message = await bob.next('msg:N', { id });
    bob.send({ type: 'ack:R', id, from: 'alice' });
    expect(message.seq).toBe(seq);
    expect('seq' in message).toBe(seq !== undefined);
  });

  test('a message to oneself is a message', async () => {
    alice.msg('alice', 'note', 'to self');
    await alice.next('msg:A', { id: 'note' });
    expect(await alice.next('msg:N', { id: 'note' })).toMatchObject({ from: 'alice', body: 'to self' });
    alice.send({ type: 'ack:R', id: 'note', from: 'alice' });
    await alice.next('ack:A', { id: 'note' });
    await alice.next('ack:N', { id: 'note', to: 'alice', state: 'delivered' });
  });

  test('two senders may use the same id, and one sender towards two receivers', async () => {
    await using carol = await connectAs(stack, stack.gateways[0], 'carol');
    alice.msg('bob', 'same', 'from alice');
    carol.msg('bob', 'same', 'from carol');
    alice.msg('carol', 'same', 'to carol');
    expect((await bob.next('msg:N', { id: 'same', from: 'alice' })).body).toBe('from alice');
    expect((await bob.next('msg:N', { id: 'same', from: 'carol' })).body).toBe('from carol');
    expect((await carol.next('msg:N', { id: 'same' })).body).toBe('to carol');

    bob.send({ type: 'ack:R', id: 'same', from: 'carol' });
    await carol.next('ack:N', { id: 'same', to: 'bob', state: 'delivered' });
    carol.send({ type: 'ack:R', id: 'same', from: 'alice' });
    await alice.next('ack:N', { id: 'same', to: 'carol', state: 'delivered' });
    expect(alice.all('ack:N', { id: 'same', to: 'bob' })).toEqual([]);
    bob.send({ type: 'ack:R', id: 'same', from: 'alice' });
    await alice.next('ack:N', { id: 'same', to: 'bob', state: 'delivered' });
  });

  test('the sender cannot choose from or at', async () => {
    alice.send('{"type":"msg:R","id":"forged","to":"bob","body":1,"from":"carol","at":1}');
    const { at } = await alice.next('msg:A', { id: 'forged' });
    const message = await bob.next('msg:N', { id: 'forged' });
    bob.send({ type: 'ack:R', id: 'forged', from: 'alice' });
    expect(message).toMatchObject({ from: 'alice', at });
    expect(at).toBeGreaterThan(1);
  });

  test('an ack:R that names nothing in flight is answered, and has no effect', async () => {
    await using mallory = await connectAs(stack, stack.gateways[1], 'mallory');
    alice.msg('bob', 'wanted');
    await bob.next('msg:N', { id: 'wanted' });
    mallory.send({ type: 'ack:R', id: 'wanted', from: 'alice' }); // is bob's
    await mallory.next('ack:A', { id: 'wanted', from: 'alice' });
    bob.send({ type: 'ack:R', id: 'wanted', from: 'mallory' }); // another sender's
    await bob.next('ack:A', { id: 'wanted', from: 'mallory' });

    mallory.msg('bob', 'marker');
    await bob.next('msg:N', { id: 'marker' });
    bob.send({ type: 'ack:R', id: 'marker', from: 'mallory' });
    await mallory.next('ack:N', { id: 'marker' });
    expect(alice.all('ack:N', { id: 'wanted' })).toEqual([]);

    bob.send({ type: 'ack:R', id: 'wanted', from: 'alice' });
    await alice.next('ack:N', { id: 'wanted', state: 'delivered' });
    bob.send({ type: 'ack:R', id: 'wanted', from: 'alice' }); // once more
    await bob.next('ack:A', { id: 'wanted', from: 'alice' });
    await bob.next('ack:A', { id: 'wanted', from: 'alice' });
  });

  test('login:A says who, where and within which limits', async () => {
    await using dora = await connectRaw(stack.gateways[0]?.url ?? '', { token: await stack.token('dora') });
    expect(dora.ws.protocol).toBe('sixfold.v1');
    const { session, at, ...rest } = await dora.login();
    expect(session).not.toBe('');
    expect(Math.abs(at - Date.now())).toBeLessThan(60_000);
    expect(rest).toEqual({
      type: 'login:A',
      user: 'dora',
      device: 'default',
      limits: {
        maxPacketBytes: 65_536,
        sendWindow: 128,
        receiveWindow: 128,
        ackTimeoutMs: 10_000,
        ratePerS: 100,
        maxReceivers: 100,
      },
    });
  });

  test('ping is answered by pong', async () => {
    alice.send({ type: 'ping' });
    expect(await alice.next('pong')).toEqual({ type: 'pong' });
  });
});

describe('metrics and probes', () => {
  test('count what one live and one stored message cause', async () => {
    const [gatewayA, gatewayB] = stack.gateways;
    const [routing] = stack.routing;
    const [ack] = stack.ack;
    if (!gatewayA || !gatewayB || !routing || !ack) throw new Error('the stack is not complete');
    for (const gateway of [gatewayA, gatewayB])
      await until(async () => (await stack.metrics(gateway)).value('sixfold_sessions') === 0, {
        what: 'the sessions of other tests to be gone',
      });
    const a = await growth(gatewayA);
    const b = await growth(gatewayB);
    const routed = await growth(routing);
    const acked = await growth(ack);

    await using ann = await connectAs(stack, gatewayA, 'ann');
    await using ben = await connectAs(stack, gatewayB, 'ben');
    ann.msg('ben', 'live');
    await ben.next('msg:N');
    expect(await a('sixfold_sessions')).toBe(1);
    expect(await b('sixfold_sessions')).toBe(1);
    expect(await b('sixfold_inflight_messages')).toBe(1);
    ben.send({ type: 'ack:R', id: 'live', from: 'ann' });
    await ben.next('ack:A');
    await ann.next('ack:N', { id: 'live', state: 'delivered' });
    expect(await b('sixfold_inflight_messages')).toBe(0);
    ann.msg('cleo', 'away');
    await ann.next('ack:N', { id: 'away', state: 'stored' });
    ann.send('nonsense');
    await ann.next('error', { code: 'bad_packet' });

    const packets = 'sixfold_packets_total';
    expect(await a(packets, { type: 'login:R', direction: 'in' })).toBe(1);
    expect(await a(packets, { type: 'login:A', direction: 'out' })).toBe(1);
    expect(await a(packets, { type: 'msg:R', direction: 'in' })).toBe(2);
    expect(await a(packets, { type: 'msg:A', direction: 'out' })).toBe(2);
    expect(await b(packets, { type: 'msg:N', direction: 'out' })).toBe(1);
    expect(await b(packets, { type: 'ack:R', direction: 'in' })).toBe(1);
    expect(await b(packets, { type: 'ack:A', direction: 'out' })).toBe(1);
    expect(await a(packets, { type: 'ack:N', direction: 'out' })).toBe(2);
    expect(await a('sixfold_errors_total', { code: 'bad_packet' })).toBe(1);
    expect(await a('sixfold_accept_seconds_count')).toBe(2);
    expect(await a('sixfold_accept_seconds_sum')).toBeGreaterThan(0);
    expect(await b('sixfold_confirm_seconds_count')).toBe(1);
    expect(await b('sixfold_batch_entries_count', { stage: 'live' })).toBe(1);
    expect(await b('sixfold_receipts_total', { outcome: 'live' })).toBe(1);
    expect(await routed('sixfold_routed_total', { outcome: 'live' })).toBe(1);
    expect(await routed('sixfold_routed_total', { outcome: 'stored' })).toBe(1);
    expect(await routed('sixfold_routed_total', { outcome: 'rejected' })).toBe(0);
    expect(await routed('sixfold_receipts_total', { outcome: 'live' })).toBe(1); // the forged one
    expect(await routed('sixfold_batch_entries_count')).toBeGreaterThan(0);
    expect(await acked('sixfold_receipts_total', { outcome: 'live' })).toBe(0);

    await using cleo = await connectAs(stack, gatewayB, 'cleo');
    expect(await b('sixfold_sessions')).toBe(2);
    const { messages } = await cleo.pull();
    cleo.send({ type: 'offline:A', keys: messages.map(({ key }) => key) });
    expect((await cleo.pull()).messages).toEqual([]); // behind the confirmation
    expect(await routed('sixfold_offline_pulled_total')).toBe(1);
    expect(await routed('sixfold_receipts_total', { outcome: 'stored' })).toBe(1);
    await cleo.close();
    await until(async () => (await b('sixfold_sessions')) === 1, { what: 'the session to be counted out' });
  });

  test('have the names that dashboards rely on', async () => {
    const everywhere = ['sixfold_broker_connected', 'sixfold_batch_entries_count', 'sixfold_dead_total'];
    const withDatabase = [...everywhere, 'sixfold_database_connected', 'sixfold_receipts_total'];
    const expected = {
      gateway: [
        ...everywhere,
        'sixfold_packets_total',
        'sixfold_sessions',
        'sixfold_inflight_messages',
        'sixfold_errors_total',
        'sixfold_accept_seconds_count',
        'sixfold_confirm_seconds_count',
        'sixfold_send_buffer_bytes',
      ],
      routing: [...withDatabase, 'sixfold_routed_total', 'sixfold_offline_pulled_total'],
      ack: withDatabase,
      webhook: [],
      console: [],
    };
    for (const service of [...stack.gateways, ...stack.routing, ...stack.ack]) {
      const names = (await stack.metrics(service)).names();
      expect(names, service.name).toEqual(expect.arrayContaining(expected[service.kind]));
      expect(names, service.name).toContain('nodejs_eventloop_lag_seconds');
      expect(names, service.name).toContain('process_resident_memory_bytes');
      const metrics = await stack.metrics(service);
      expect(metrics.value('sixfold_broker_connected'), service.name).toBe(1);
      if (service.kind !== 'gateway')
        expect(metrics.value('sixfold_database_connected'), service.name).toBe(1);
    }
  });

  test('every service says that it lives and that it is ready', async () => {
    for (const { http, name } of [...stack.gateways, ...stack.routing, ...stack.ack])
      for (const path of ['healthz', 'readyz'])
        expect((await fetch(`${http}/${path}`)).status, `${name} /${path}`).toBe(200);
  });

  test('a gateway that drains says so, and lives on until it is done', async () => {
    const gateway = await stack.addGateway();
    await using client = await connectAs(stack, gateway, 'erin');
    client.msg('erin', 'busy');
    await client.next('msg:N'); // unanswered: the gateway has something to wait for
    gateway.signal('SIGTERM');
    expect(await client.next('bye')).toMatchObject({ reason: 'draining' });
    const ready = await fetch(`${gateway.http}/readyz`);
    expect(ready.status).toBe(503);
    expect(await ready.text()).toContain('draining');
    expect((await fetch(`${gateway.http}/healthz`)).status).toBe(200);
    client.send({ type: 'ack:R', id: 'busy', from: 'erin' });
    expect((await client.closed).code).toBe(1012);
    expect((await gateway.exited()).code).toBe(0);
  });
});

/** Reads how far a service's metrics have grown since now. */
async function growth(service: ServiceHandle) {
  const before = await stack.metrics(service);
  return async (name: string, labels?: Labels) =>
    (await stack.metrics(service)).value(name, labels) - before.value(name, labels);
}
