import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { DEAD_QUEUE, EVENTS_EXCHANGE, WEBHOOK_QUEUE } from '#libs/broker/topology.ts';
import { type Event, EVENT_TYPES, eventId } from '#libs/events/event.ts';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { withChannel } from './harness/queues.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';
import { SECRET, WebhookEndpoint } from './harness/webhook-endpoint.ts';

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
    expect(endpoint.calls.map((call) => call.events.length)).toEqual([100, 100, 81]);
    expect(new Set(endpoint.calls.map(({ id }) => id)).size).toBe(3);
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
