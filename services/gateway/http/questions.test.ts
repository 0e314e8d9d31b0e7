import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { GatewayFixture } from '../testing/gateway-fixture.ts';
import { type Asker, MAX_QUESTIONS, QUESTION_TIMEOUT_MS } from './questions.ts';

/** A gateway's questions to routing: each is answered, or fails in time. */

let fixture: GatewayFixture;

beforeEach(async () => {
  vi.useFakeTimers();
  fixture = new GatewayFixture();
  await fixture.connect();
  await vi.advanceTimersByTimeAsync(1);
  fixture.grant();
});

afterEach(() => {
  fixture.incarnation.close();
  vi.runOnlyPendingTimers(); // among them the one of all acknowledgements
  vi.useRealTimers();
});

/** Asks for the devices of bob; what came of it. */
function ask() {
  const asked = { outcome: '' };
  fixture.gateway.questions
    .ask('bob', 'answer', (asker: Asker) => ({ kind: 'devices', user: 'bob', ...asker }))
    .then(
      ({ devices = [] }) => (asked.outcome = `answered ${devices.length}`),
      (error: unknown) => (asked.outcome = (error as Error).message),
    );
  return asked;
}

const step = (ms = 1) => vi.advanceTimersByTimeAsync(ms);
const names = () => fixture.of('devices').map(({ session }) => session);
const devices = [{ device: 'phone', since: 1 }];

test('each gets its own answer, once', async () => {
  const [first, second] = [ask(), ask()];
  await step();
  const [one = '', two = ''] = names();
  fixture.deliver({ kind: 'answer', session: two, devices: [] }, { kind: 'answer', session: one, devices });
  fixture.deliver({ kind: 'answer', session: one, devices: [] });
  await step();
  expect([first.outcome, second.outcome]).toEqual(['answered 1', 'answered 0']);
  expect(fixture.of('devices')[0]?.gateway).toBe(fixture.incarnation.name);
  expect(fixture.gateway.questions.size).toBe(0);
});

test('an entry of another kind is no answer', async () => {
  const asked = ask();
  await step();
  fixture.deliver({ kind: 'logged-out', session: names()[0] ?? '' });
  await step();
  expect([asked.outcome, fixture.gateway.questions.size]).toEqual(['', 1]);
});

test("without an answer it fails in time, and an answer after that is nobody's", async () => {
  const asked = ask();
  await step(QUESTION_TIMEOUT_MS - 2);
  expect(asked.outcome).toBe('');
  await step(2);
  expect(asked.outcome).toBe('no answer came in time');
  fixture.deliver({ kind: 'answer', session: names()[0] ?? '', devices });
  expect(fixture.gateway.questions.size).toBe(0);
});

test('fails at once when the broker does not take it, or its queue is gone', async () => {
  fixture.broker = 'down';
  const refused = ask();
  await step();
  expect(refused.outcome).toBe('the broker did not take the question');
  fixture.broker = 'up';
  const lost = ask();
  await step();
  await fixture.reconnect();
  await step();
  expect(lost.outcome).toBe('the connection to the broker was lost');
  const early = ask();
  await step();
  expect(early.outcome).toBe('this gateway has no connection to the others now');
});

test('only so many wait', async () => {
  for (let n = 0; n < MAX_QUESTIONS; n++) ask();
  const further = ask();
  await step();
  expect(further.outcome).toBe('too many requests wait for an answer');
  expect(fixture.gateway.questions.size).toBe(MAX_QUESTIONS);
  await step(QUESTION_TIMEOUT_MS);
  expect(fixture.gateway.questions.size).toBe(0);
});
