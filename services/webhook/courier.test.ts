import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { DeadLetter, DeadLetters } from '#libs/broker/dead-letters.ts';
import { Delivery } from '#libs/broker/delivery.ts';
import { type Event, eventId } from '#libs/events/event.ts';
import { Courier } from './courier.ts';
import type { Answer } from './endpoint.ts';

const NOW = Date.UTC(2026, 10, 28);
const HOUR_MS = 3_600_000;

beforeEach(() => void vi.useFakeTimers({ now: NOW }));
afterEach(() => void vi.useRealTimers());

/** As `pause`, by the clock of the test. */
const wait = (ms: number, signal?: AbortSignal) =>
  new Promise<void>((resolve, reject) => {
    setTimeout(resolve, ms);
    signal?.addEventListener('abort', () => reject(signal.reason as Error));
  });

const event = (id: string): Event => ({
  type: 'message.stored',
  event: eventId(id),
  from: 'alice',
  id,
  to: 'bob',
  at: 1,
});

/** A courier whose endpoint answers as the test says; by default it takes everything. */
function setup() {
  const requests: { id: string; events: string[]; answer: (answer: Answer) => void }[] = [];
  const acked: number[] = [];
  const letters: DeadLetter[] = [];
  const republished: { events: string[]; publishedAt: number }[] = [];
  const source = {
    queue: 'q',
    closed: false,
    closing: false,
    unfinished: 0,
    started: () => source.unfinished++,
  };
  const consumer = { ...source, ack: (tag: number) => acked.push(tag), finished: () => undefined };
  let closedMs = 0;
  let answers: Answer[] | undefined;
  const post = (id: string, body: string) =>
    new Promise<Answer>((answer) => {
      requests.push({ id, events: (JSON.parse(body) as { id: string }[]).map((one) => one.id), answer });
      const next = answers?.shift();
      if (next) answer(next);
    });
  const courier = new Courier({
    endpoint: {
      get closedMs() {
        return closedMs;
      },
      post,
    },
    dead: {
      publish: (_delivery: Delivery, letter: DeadLetter) => letters.push(letter),
    } as unknown as DeadLetters,
    republish: (events, publishedAt) => {
      republished.push({ events: events.map((one) => ('id' in one ? one.id : '')), publishedAt });
      return Promise.resolve();
    },
    maxAgeMs: HOUR_MS,
    log: pino({ level: 'silent' }),
    random: () => 1,
    wait,
  });
  let tag = 0;
  return {
    courier,
    requests,
    acked,
    letters,
    republished,
    answerWith: (...some: Answer[]) => (answers = some),
    closeFor: (ms: number) => (closedMs = ms),
    /** One AMQP message with events of these ids. */
    receive: (ids: string[], ageMs = 0) => {
      const fields = { deliveryTag: ++tag };
      const properties = { timestamp: (NOW - ageMs) / 1_000 };
      const content = Buffer.from(JSON.stringify(ids.map(event)));
      courier.receive(new Delivery(consumer, { fields, properties, content } as never), content);
    },
    /** What was asked for, as text. */
    asked: () => requests.map(({ events }) => events.join(' ')),
  };
}

const taken: Answer = { taken: true };
const refused: Answer = { taken: false, why: 'status 500' };
const run = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const ids = (number: number, prefix = 'm') => Array.from({ length: number }, (_, n) => `${prefix}${n}`);

describe('batches', () => {
  test('wait for a second after the first event, and no longer', async () => {
    const { receive, asked } = setup();
    receive(['a']);
    await run(999);
    receive(['b', 'c']);
    expect(asked()).toEqual([]);
    await run(1);
    expect(asked()).toEqual(['a b c']);
  });

  test('go at once with 100 events; a larger message is split', async () => {
    const { receive, requests, acked, answerWith } = setup();
    receive(ids(250));
    await run(0);
    expect(requests.map(({ events }) => events.length)).toEqual([100]);
    answerWith(taken, taken);
    requests[0]?.answer(taken);
    await run(0);
    expect(requests.map(({ events }) => events.length)).toEqual([100, 100]);
    expect(acked).toEqual([]);
    await run(1_000);
    expect(requests.flatMap(({ events }) => events)).toEqual(ids(250));
    expect(acked).toEqual([1]);
  });

  test('go one after the other while nothing fails', async () => {
    const { receive, requests, acked } = setup();
    receive(ids(100, 'a'));
    receive(ids(100, 'b'));
    await run(9_000);
    expect(requests).toHaveLength(1);
    requests[0]?.answer(taken);
    await run(0);
    expect(requests).toHaveLength(2);
    expect(acked).toEqual([1]);
  });
});

describe('a batch that was not taken', () => {
  test('is tried again with growing pauses and the same id; later ones go beside it', async () => {
    const { receive, requests, asked, answerWith, acked } = setup();
    answerWith(refused, refused, taken, taken);
    receive(['a']);
    await run(1_500);
    receive(['b']);
    await run(499);
    expect(asked()).toEqual(['a']);
    await run(1);
    expect(asked()).toEqual(['a', 'a']);
    await run(1_999);
    expect(asked()).toEqual(['a', 'a', 'b']);
    await run(1);
    expect(asked()).toEqual(['a', 'a', 'b', 'a']);
    await run(20);
    expect(acked.toSorted()).toEqual([1, 2]);
    const idsOfA = requests.filter(({ events: [first] }) => first === 'a').map(({ id }) => id);
    expect(new Set(idsOfA).size).toBe(1);
  });

  test('stops the sending of new ones when nine wait, until one is taken', async () => {
    const { receive, requests, answerWith } = setup();
    answerWith(...ids(9).map(() => refused));
    for (const name of ids(12)) receive(ids(100, name));
    await run(0);
    expect(requests).toHaveLength(9);
    await run(999);
    expect(requests).toHaveLength(9);
    answerWith(taken, taken);
    await run(1);
    expect(requests.length).toBeGreaterThan(9);
  });

  test('waits until the endpoint is open again', async () => {
    const { receive, asked, answerWith, closeFor } = setup();
    answerWith(refused);
    receive(['a']);
    closeFor(60_000);
    await run(30_000);
    expect(asked()).toEqual([]);
    closeFor(0);
    await run(31_500); // refused at 61 s; the next try would be at 62 s
    expect(asked()).toEqual(['a']);
    closeFor(10_000);
    await run(9_500);
    expect(asked()).toEqual(['a']);
    closeFor(0);
    await run(2_000);
    expect(asked()).toEqual(['a', 'a']);
  });

  test('loses the events that are too old to dead letters after a try; the rest is another batch', async () => {
    const { receive, requests, asked, answerWith, letters, acked } = setup();
    answerWith(refused, taken);
    receive(['old'], HOUR_MS);
    receive(['young'], HOUR_MS - 60_000);
    await run(2_000);
    expect(asked()).toEqual(['old young', 'young']);
    expect(requests[1]?.id).not.toBe(requests[0]?.id);
    expect(letters).toEqual([{ reason: 'given up: status 500', content: JSON.stringify(event('old')) }]);
    expect(acked.toSorted()).toEqual([1, 2]);
  });
});

describe('a stop', () => {
  test('waits for the request under way, and publishes the rest of a message that was partly taken', async () => {
    const { courier, receive, requests, acked, republished } = setup();
    receive(ids(150), 60_000);
    receive(['later']);
    await run(0);
    const stopped = vi.fn();
    void courier.stop(10_000).then(stopped);
    await run(5_000);
    expect(stopped).not.toHaveBeenCalled();
    requests[0]?.answer(taken);
    await run(0);
    expect(stopped).toHaveBeenCalled();
    expect(republished).toEqual([{ events: ids(150).slice(100), publishedAt: NOW - 60_000 }]);
    expect(acked).toEqual([1]);
    await run(60_000);
    expect(requests).toHaveLength(1);
  });

  test('leaves unacknowledged what was not taken', async () => {
    const { courier, receive, requests, acked, republished, answerWith } = setup();
    answerWith(refused);
    receive(['a', 'b']);
    await run(1_500);
    expect(courier.oldestMs).toBe(1_500);
    await courier.stop(10_000);
    await run(60_000);
    expect({ acked, republished, requests: requests.length }).toEqual({
      acked: [],
      republished: [],
      requests: 1,
    });
  });
});
