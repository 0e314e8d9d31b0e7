import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { DEAD_QUEUE, EVENTS_EXCHANGE, WEBHOOK_QUEUE } from '#libs/broker/topology.ts';
import { type Event, EVENT_TYPES, eventId } from '#libs/events/event.ts';
import { admin } from '../services/admin/program.ts';
import { freePort } from '../tools/stack/ports.ts';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { publishTo, takeLetters, withChannel } from './harness/queues.ts';
import { makeCertificates } from './harness/certificates.ts';
import { temporaryFolder } from './harness/infrastructure.ts';
import { connectAs } from './harness/raw-client.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';
import { type Answer, SECRET, status, WebhookEndpoint } from './harness/webhook-endpoint.ts';

/** Back ends hear of every event, whatever their endpoint does. */

let stack: Stack;
let endpoint: WebhookEndpoint;
const started: ServiceHandle[] = [];

beforeAll(async () => {
  stack = await startStack({ gateways: 0, routing: 0, ack: 0, env: { EVENTS: EVENT_TYPES.join(',') } });
});
afterAll(() => stack.stop());

beforeEach(async () => void (endpoint = await WebhookEndpoint.listen()));
afterEach(async () => {
  await Promise.all(started.splice(0).map((handle) => handle.stop()));
  await endpoint[Symbol.asyncDispose]();
  expect(endpoint.forged).toEqual([]);
  await withChannel(stack, async (channel) => {
    for (const queue of [WEBHOOK_QUEUE, DEAD_QUEUE]) await channel.purgeQueue(queue);
  });
});

/** A webhook service for the endpoint, ready. */
async function start(env: NodeJS.ProcessEnv = {}): Promise<ServiceHandle> {
  const handle = await stack.addWebhook({ WEBHOOK_URL: endpoint.url, WEBHOOK_SECRET: SECRET, ...env });
  started.push(handle);
  return handle;
}

let count = 0;

/** New events, all different. */
const events = (number: number, type: 'message.stored' | 'message.read' = 'message.stored'): Event[] =>
  Array.from({ length: number }, () => {
    const id = `m${++count}`;
    return { type, event: eventId(type, id), from: 'alice', id, to: 'bob', at: Date.now() };
  });

const namesOf = (some: readonly Event[]) => some.map(({ event }) => event);

/** As routing and ack do. */
async function publish(...messages: Event[][]): Promise<void> {
  await withChannel(stack, async (channel) => {
    for (const message of messages) {
      const content = Buffer.from(JSON.stringify(message));
      const properties = { persistent: true, mandatory: true, timestamp: Math.floor(Date.now() / 1_000) };
      channel.publish(EVENTS_EXCHANGE, message[0]?.type ?? '', content, properties);
    }
    await channel.waitForConfirms();
  });
}

const untilTaken = (number: number) =>
  until(() => endpoint.taken.length >= number, { what: `${number} events at the endpoint` });

/** Nothing waits in the queue, and nothing is unacknowledged. */
async function untilSettled(): Promise<void> {
  const isSettled = async () => {
    const waiting = await withChannel(stack, (channel) => channel.checkQueue(WEBHOOK_QUEUE));
    const counts = await Promise.all(
      started.filter(({ running }) => running).map((one) => value(one, 'sixfold_unacked_deliveries')),
    );
    return waiting.messageCount === 0 && counts.every((one) => one === 0);
  };
  await until(isSettled, { what: 'a settled queue' });
}

const value = async (handle: ServiceHandle, name: string, labels: Record<string, string> = {}) =>
  (await stack.metrics(handle)).value(name, labels);

describe('an endpoint that answers', () => {
  test('gets all events once, signed, in order, at most 100 at a time', async () => {
    const handle = await start();
    const [many, few, other] = [events(250), events(30), events(1, 'message.read')];
    await publish(many, ...few.map((event) => [event]), other);
    await untilTaken(281);
    await untilSettled();
    expect(endpoint.names).toEqual(namesOf([...many, ...few, ...other]));
    expect(endpoint.taken).toEqual([...many, ...few, ...other]);
    const sizes = endpoint.calls.map((call) => call.events.length);
    expect(sizes.slice(0, 2)).toEqual([100, 100]);
    expect(Math.max(...sizes)).toBe(100);
    expect(sizes.length).toBeLessThan(10); // those that come one by one share requests
    expect(new Set(endpoint.calls.map(({ id }) => id)).size).toBe(sizes.length);
    for (const { headers } of endpoint.calls) expect(headers['content-type']).toBe('application/json');
    expect(await value(handle, 'sixfold_webhook_events_total', { outcome: 'delivered' })).toBe(281);
  });

  test('gets them from two instances, each event from one', async () => {
    const both = await Promise.all([start(), start()]);
    const all = Array.from({ length: 20 }, () => events(50));
    await publish(...all);
    await untilTaken(1_000);
    await untilSettled();
    expect(endpoint.names.toSorted()).toEqual(namesOf(all.flat()).toSorted());
    for (const one of both) expect(await value(one, 'sixfold_webhook_events_total')).toBeGreaterThan(0);
  });

  test('gets signatures of both secrets while they are changed', async () => {
    const next = `whsec_${Buffer.alloc(24, 'next').toString('base64')}`;
    const previous = endpoint;
    await using knowsNext = await WebhookEndpoint.listen({ secret: next });
    endpoint.answer = (response, { body, headers }) => {
      void fetch(knowsNext.url, { method: 'POST', body, headers: pick(headers) }).then(({ status: code }) =>
        response.writeHead(code).end(),
      );
    };
    await start({ WEBHOOK_SECRET: `${SECRET},${next}` });
    await publish(events(1));
    await untilTaken(1);
    expect(knowsNext.taken).toEqual(previous.taken);
    expect(knowsNext.forged).toEqual([]);
  });
});

const pick = (headers: Record<string, string>) =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith('webhook-')));

/** Answers so once, and then as it should. */
function answerOnce(wrong: Answer): void {
  let answers = 0;
  endpoint.answer = (response, call) => (answers++ === 0 ? wrong : status(200))(response, call);
}

test('a message on its way, from its acceptance to its delivery, and the sessions', async () => {
  await start();
  await stack.add({ gateway: 1, routing: 1, ack: 1 });
  const alice = await connectAs(stack, stack.gateways[0], 'alice');
  alice.send({ type: 'msg:R', id: 'm1', to: 'bob', body: 'hello', thread: 't' });
  await alice.next('ack:N', { id: 'm1', state: 'stored' });
  const bob = await connectAs(stack, stack.gateways[0], 'bob');
  bob.send({ type: 'offline:R' });
  const { messages } = await bob.next('offline:N', (packet) => packet.messages.length > 0);
  bob.send({ type: 'offline:A', keys: messages.map(({ key }) => key) });
  const of = (type: string) => endpoint.taken.filter((event) => event.type === type);
  await until(() => of('message.delivered').length > 0, { what: 'message.delivered' });
  await Promise.all([alice.close(), bob.close()]);
  await until(() => of('session.down').length > 1, { what: 'the ends of the sessions' });
  const message = { from: 'alice', id: 'm1', to: 'bob', thread: 't' };
  for (const type of ['accepted', 'stored', 'delivered'])
    expect(of(`message.${type}`), type).toEqual([expect.objectContaining(message)]);
  expect(of('session.up').map((event) => 'user' in event && event.user)).toEqual(['alice', 'bob']);
});

describe('an endpoint that does not take events', () => {
  const manyHeaders = `HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(100_000)}`;

  test.for<[string, Answer]>([
    ['answers 500', status(500)],
    ['answers 410', status(410)],
    ['redirects', status(302, { location: '/elsewhere' })],
    ['redirects with the method', status(308, { location: '/elsewhere' })],
    ['resets', ({ socket }) => void socket?.resetAndDestroy()],
    ['closes without a word', ({ socket }) => void socket?.destroy()],
    ['hangs', () => undefined],
    ['hangs in the middle of the status', ({ socket }) => void socket?.write('HTTP/1.1 20')],
    ['breaks off in the header', ({ socket }) => void socket?.end('HTTP/1.1 200 OK\r\ncontent')],
    ['speaks no HTTP', ({ socket }) => void socket?.end('220 mail.example ESMTP\r\n')],
    ['sends headers without end', ({ socket }) => void socket?.write(manyHeaders)],
  ])('%s, and gets the same request again', async ([, wrong]) => {
    await start();
    answerOnce(wrong);
    const sent = events(3);
    await publish(sent);
    await untilTaken(3);
    await untilSettled();
    expect(endpoint.taken).toEqual(sent);
    const [refused, taken, ...others] = endpoint.calls;
    expect(others).toEqual([]);
    expect(taken).toMatchObject({ id: refused?.id, body: refused?.body, path: '/hook' });
  });

  test('is down: the queue keeps all but what the service holds, and then they come, each once', async () => {
    const port = await freePort();
    const handle = await start({ WEBHOOK_URL: `http://localhost:${port}/hook` });
    const sent = Array.from({ length: 1_500 }, () => events(2));
    await publish(...sent);
    const retrying = () => value(handle, 'sixfold_webhook_retrying_batches');
    await until(async () => (await retrying()) === 9, { what: 'nine batches to wait for another try' });
    const held = () => value(handle, 'sixfold_unacked_deliveries');
    await until(async () => (await held()) === 1_000, { what: 'a full prefetch' });
    expect(await value(handle, 'sixfold_webhook_requests_total', { outcome: 'error' })).toBeGreaterThan(8);
    await endpoint[Symbol.asyncDispose]();
    endpoint = await WebhookEndpoint.listen({ port });
    await untilTaken(3_000);
    await untilSettled();
    expect(endpoint.names.toSorted()).toEqual(namesOf(sent.flat()).toSorted());
    expect(await retrying()).toBe(0);
  });

  test('takes other events meanwhile, if it refuses only some', async () => {
    const handle = await start();
    const [bad, good] = [events(1, 'message.read'), events(5)];
    const isBad: Answer = (response, { events: [event] }) =>
      void response.writeHead(event?.type === 'message.read' ? 422 : 200).end();
    endpoint.answer = isBad;
    await publish(bad);
    await until(() => endpoint.calls.length > 0, { what: 'a refused request' });
    await publish(good);
    await untilTaken(5);
    expect(endpoint.taken).toEqual(good);
    expect(await value(handle, 'sixfold_webhook_retrying_batches')).toBe(1);
    endpoint.answer = status(200);
    await untilTaken(6);
    await untilSettled();
  });

  test.for<[string, () => string]>([
    ['seconds', () => '3'],
    ['a date', () => new Date(Date.now() + 4_000).toUTCString()], // whole seconds
  ])('asks for time with Retry-After, %s, and gets nothing before', async ([, header]) => {
    await start();
    answerOnce((response, call) => status(503, { 'retry-after': header() })(response, call));
    await publish(events(100), events(100));
    await untilTaken(200);
    const [refused, ...later] = endpoint.calls;
    for (const { at } of later) expect(at - (refused?.at ?? 0)).toBeGreaterThan(2_900);
  });
});

describe('an endpoint that answers 2xx, and then', () => {
  let ended: Promise<void>;
  const endless: Answer = (response) => {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    ended = promise;
    response.writeHead(200).on('close', () => resolve(undefined));
    const more = () => {
      let room = true;
      while (room && !response.destroyed) room = response.write('x'.repeat(65_536));
    };
    response.on('drain', more);
    more();
  };

  test.for<[string, Answer]>([
    ['a body without end', endless],
    [
      'hangs in the middle of the body',
      (response) => void response.writeHead(200, { 'content-length': 9 }).write('x'),
    ],
    [
      'breaks off in the body',
      (response) =>
        void response.writeHead(202, { 'content-length': 9 }).write('x', () => response.destroy()),
    ],
  ])('%s, has taken the events', async ([, how]) => {
    ended = Promise.resolve();
    const handle = await start();
    answerOnce(how);
    const [sent, later] = [events(2), events(2)];
    await publish(sent);
    await untilTaken(2);
    await ended;
    await untilSettled();
    await publish(later);
    await untilTaken(4);
    expect(endpoint.taken).toEqual([...sent, ...later]);
    expect(await value(handle, 'sixfold_webhook_requests_total', { outcome: '2xx' })).toBe(2);
  });
});

test('a certificate is checked', async () => {
  const folder = await temporaryFolder();
  const tls = await makeCertificates(folder, 'endpoint', 'localhost');
  await endpoint[Symbol.asyncDispose]();
  endpoint = await WebhookEndpoint.listen({ tls });
  const distrusts = await start();
  await publish(events(1));
  const failed = () => value(distrusts, 'sixfold_webhook_requests_total', { outcome: 'error' });
  await until(async () => (await failed()) > 0, { what: 'a refused certificate' });
  expect(endpoint.calls).toEqual([]);
  await distrusts.stop();
  await start({ NODE_EXTRA_CA_CERTS: tls.ca });
  await untilTaken(1);
});

describe('dead letters', () => {
  test('what no back end can want is buried alone', async () => {
    await start();
    const [good, bad] = [events(2), { ...events(1)[0], event: 'short' }];
    const mixed = JSON.stringify([good[0], bad, { type: 'message.lost' }, good[1]]);
    await withChannel(stack, async (channel) => {
      await publishTo(channel, WEBHOOK_QUEUE, 'nonsense', '{}', mixed);
      const letters = await takeLetters(channel, 4);
      expect(letters.map(({ content }) => content)).toContain(JSON.stringify(bad));
    });
    await untilTaken(2);
    await untilSettled();
    expect(endpoint.taken).toEqual(good);
  });

  test('an event that was tried for too long goes there, counted, and can be requeued', async () => {
    const handle = await start({ WEBHOOK_MAX_HOURS: '0.0001' });
    endpoint.answer = status(500);
    const sent = events(3);
    await publish(sent);
    const givenUp = () => value(handle, 'sixfold_webhook_events_total', { outcome: 'given_up' });
    await until(async () => (await givenUp()) === 3, { what: 'three events given up' });
    await untilSettled();
    endpoint.answer = status(200);
    let said = '';
    const exit = await admin(['dead', 'requeue', '--all', '--json'], {
      env: { AMQP_URL: stack.amqpUrl },
      out: (text) => (said += text),
      err: (text) => (said += text),
    });
    expect({ exit, said }).toMatchObject({ exit: 0 });
    await untilTaken(3);
    await untilSettled();
    expect(endpoint.names.toSorted()).toEqual(namesOf(sent).toSorted());
    expect(await givenUp()).toBe(3);
  });
});

describe('no event is lost, nor sent after a 2xx', () => {
  /** Refuses whatever holds one of these. */
  const refuse = (some: readonly Event[]): Answer => {
    const names = new Set(namesOf(some));
    return (response, call) => {
      const isRefused = call.events.some(({ event }) => names.has(event));
      status(isRefused ? 500 : 200)(response, call);
    };
  };

  test('when events are unacknowledged for too long: they return to the queue', async () => {
    const handle = await start({ WEBHOOK_HOLD_MS: '3000' });
    const sent = events(150); // one AMQP message, two requests
    endpoint.answer = refuse(sent.slice(100));
    await publish(sent);
    const returns = () => value(handle, 'sixfold_webhook_returns_total');
    await until(async () => (await returns()) >= 2, { what: 'two returns' });
    expect(await value(handle, 'sixfold_broker_connected')).toBe(1);
    endpoint.answer = status(200);
    await untilTaken(150);
    await untilSettled();
    expect(endpoint.names).toEqual(namesOf(sent));
  });

  test('when the service stops: it finishes the request under way, and returns the rest', async () => {
    const handle = await start();
    const sent = events(150);
    const asked = Promise.withResolvers<() => void>();
    endpoint.answer = (response) => asked.resolve(() => void response.writeHead(200).end());
    await publish(sent);
    const answer = await asked.promise;
    handle.signal('SIGTERM');
    const logged = () => readFileSync(handle.spec.logFile, 'utf8').includes('"stopping"');
    await until(logged, { what: 'the service to stop' });
    answer();
    expect(await handle.exited()).toMatchObject({ code: 0 });
    endpoint.answer = status(200);
    await start();
    await untilTaken(150);
    await untilSettled();
    expect(endpoint.names).toEqual(namesOf(sent));
  });

  test('when a service is killed: another one gets what it had', async () => {
    const [first, second] = await Promise.all([start(), start()]);
    const asked = Promise.withResolvers<undefined>();
    endpoint.answer = () => asked.resolve(undefined);
    const sent = Array.from({ length: 10 }, () => events(50));
    await publish(...sent);
    await asked.promise;
    await first.kill();
    endpoint.answer = status(200);
    await untilTaken(500);
    await untilSettled();
    expect(new Set(endpoint.names)).toEqual(new Set(namesOf(sent.flat())));
    expect(second.running).toBe(true);
  });
});
