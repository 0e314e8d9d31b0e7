import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { get } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ACK_QUEUE, DEAD_QUEUE, partitionOf, routeQueue } from '#libs/broker/topology.ts';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { readMetrics } from './harness/metrics.ts';
import { publishTo, withChannel } from './harness/queues.ts';
import { connectAs, type RawClient } from './harness/raw-client.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';

/** What operators do through the console's API. The page in browsers: console-browser.test.ts. */

const PATIENCE_MS = 120_000;
const TOKEN = 'the token of this console, long enough'.replaceAll(/\W/g, '-');
/** In every body; it must show up nowhere. */
const SECRET = 'nobody-elses-business';
const FAILED_LOGINS_PER_MIN = 4;

let stack: Stack;
let console_: ServiceHandle;
let alice: RawClient;
/** All that the console answered in this file. */
const answered: string[] = [];

beforeAll(async () => {
  stack = await startStack({ gateways: 1, env: { RECEIVE_WINDOW: '2', LOG_LEVEL: 'trace' } });
  console_ = await stack.addConsole({
    CONSOLE_TOKEN: TOKEN,
    CONSOLE_FAILED_LOGINS_PER_MIN: String(FAILED_LOGINS_PER_MIN),
    CONSOLE_LOGS: dirname(stack.gateways[0]?.spec.logFile ?? ''),
    LOG_LEVEL: 'info',
  });
  alice = await connectAs(stack, stack.gateways[0], 'alice');
});

afterAll(async () => {
  await stack.stop();
  expect(answered.length).toBeGreaterThan(10);
  for (const text of [...answered, readFileSync(console_.spec.logFile, 'utf8')])
    expect(text).not.toMatch(new RegExp(`${SECRET}|${TOKEN}`));
});

interface Answer {
  status: number;
  json: Record<string, unknown>;
}

async function ask(method: string, path: string, body?: object, headers: object = {}): Promise<Answer> {
  const response = await fetch(`${console_.http}/api${path}`, {
    method,
    headers: {
      authorization: `Bearer ${TOKEN}`,
      'x-console-operator': 'oscar',
      'content-type': 'application/json',
      ...headers,
    },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  answered.push(text);
  expect(response.headers.get('cache-control')).toBe('no-store');
  return { status: response.status, json: JSON.parse(text) as Record<string, unknown> };
}

/** What the console answers. */
async function said(method: string, path: string, body?: object): Promise<Record<string, unknown>> {
  const { status, json } = await ask(method, path, body);
  expect([path, status, json['message']]).toEqual([path, 200, undefined]);
  return json;
}

const logLines = () =>
  readFileSync(console_.spec.logFile, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);

/** The console logs the action, with its actor. */
async function untilLogged(entry: object): Promise<void> {
  const who = { operator: 'oscar', address: '127.0.0.1' };
  const matches = (line: Record<string, unknown>) =>
    Object.entries({ ...entry, who }).every(
      ([key, value]) => JSON.stringify(line[key]) === JSON.stringify(value),
    );
  await until(() => logLines().some(matches), {
    what: `a line with ${JSON.stringify(entry)} in the log`,
    timeoutMs: PATIENCE_MS,
  });
}

const send = async (to: string, id: string) => {
  alice.send({ type: 'msg:R', id, to, body: { text: SECRET } });
  await alice.next('ack:N', { id, state: 'stored' });
};

test('the overview has every process: sessions and memory of gateways, counters, latencies', async () => {
  await send('zoe', 'o1');
  const accepted = (parts: { kind: string; figures: { counters: { accepted: number } } }[]) =>
    parts.find(({ kind }) => kind === 'gateway')?.figures.counters.accepted;
  const { parts } = (await said('GET', '/overview')) as { parts: Parameters<typeof accepted>[0] };
  expect(parts).toMatchObject([
    { name: 'ack-1', kind: 'ack', state: 'ready', figures: { databaseConnected: true } },
    {
      name: 'gateway-1',
      kind: 'gateway',
      state: 'ready',
      figures: { sessions: 1, brokerConnected: true, databaseConnected: null },
    },
    { name: 'routing-1', kind: 'routing', state: 'ready' },
  ]);
  const [, gateway] = parts as unknown as { figures: Record<string, unknown> }[];
  expect(gateway?.figures['memoryBytes']).toBeGreaterThan(10_000_000);
  expect(gateway?.figures['latencies']).toMatchObject({
    accept: expect.arrayContaining([[null, expect.any(Number)]]) as unknown,
  });
  const before = accepted(parts) ?? 0;
  await send('zoe', 'o2');
  const counted = async () => {
    const now = (await said('GET', '/overview')) as { parts: typeof parts };
    return accepted(now.parts) === before + 1;
  };
  await until(counted, { what: 'the message to be counted', timeoutMs: PATIENCE_MS });
});

test('a process that is gone is shown as such, and hides no other', async () => {
  const gateway = await stack.addGateway();
  const console2 = await stack.addConsole({ CONSOLE_TOKEN: TOKEN });
  await gateway.kill();
  const overview = async () => {
    const response = await fetch(`${console2.http}/api/overview`, {
      headers: { authorization: `Bearer ${TOKEN}` },
    });
    return (await response.json()) as object;
  };
  expect(await overview()).toMatchObject({
    parts: expect.arrayContaining([
      expect.objectContaining({ name: 'gateway-2', kind: 'gateway', state: 'unreachable', figures: null }),
      expect.objectContaining({ name: 'gateway-1', state: 'ready' }),
    ]) as unknown,
  });
  await gateway.restart();
  await console2.stop();
});

test('partitions: what waits, how many consume, and which instance is active', async () => {
  await send('zoe', 'p1');
  const { partitions } = await said('GET', '/partitions');
  expect(partitions).toHaveLength(8);
  const partition = partitionOf('zoe', 8);
  expect(partitions).toContainEqual({
    partition,
    queue: routeQueue(partition),
    waiting: expect.any(Number) as number,
    consumers: 1,
  });
  const active = async () => {
    const { parts } = (await said('GET', '/overview')) as {
      parts: { kind: string; figures: { partitions: number[] } }[];
    };
    return parts.find(({ kind }) => kind === 'routing')?.figures.partitions.includes(partition) === true;
  };
  await until(active, { what: 'routing to report the partition', timeoutMs: PATIENCE_MS });
});

test('a user: sessions, what waits and since when; disconnected with confirmation only', async () => {
  await send('bob', 'u1');
  await using bob = await connectAs(stack, stack.gateways[0], 'bob', { device: 'phone' });
  expect(await said('GET', '/users/bob')).toMatchObject({
    user: 'bob',
    mailbox: { messages: 1, oldestMessage: expect.any(Number) as number, senders: [{ sender: 'alice' }] },
    sessions: [{ device: 'phone', present: true }],
    devices: [],
  });
  await untilLogged({ action: 'user', user: 'bob', outcome: 'done' });
  for (const confirm of [undefined, '', 'alice'])
    expect(await ask('POST', '/users/bob/disconnect', { confirm })).toMatchObject({
      status: 400,
      json: { code: 'not_confirmed' },
    });
  expect(bob.bye).toBeUndefined();
  expect(await said('POST', '/users/bob/disconnect', { confirm: 'bob', device: 'phone' })).toMatchObject({
    sessions: [{ device: 'phone' }],
  });
  expect((await bob.closed).code).toBe(1012);
  await untilLogged({ action: 'disconnect', user: 'bob', device: 'phone', outcome: 'done' });
  const again = await ask('POST', '/users/bob/disconnect', { confirm: 'bob' });
  expect(again).toMatchObject({
    status: 404,
    json: { code: 'not_found', advice: expect.any(String) as string },
  });
  await untilLogged({ action: 'disconnect', user: 'bob', outcome: 'not_found' });
});

test('revoke, with confirmation only: the session ends, its token is refused', async () => {
  await using eve = await connectAs(stack, stack.gateways[0], 'eve');
  expect((await ask('POST', '/users/eve/revoke', {})).json).toMatchObject({ code: 'not_confirmed' });
  const { at } = await said('POST', '/users/eve/revoke', { confirm: 'eve' });
  expect(at).toBeGreaterThan(0);
  expect((await eve.closed).code).toBe(4403);
  await untilLogged({ action: 'revoke', user: 'eve', outcome: 'done' });
});

test('slow receivers, and the trace of a message: where it waits, and its steps', async () => {
  await using frank = await connectAs(stack, stack.gateways[0], 'frank');
  alice.send({ type: 'msg:R', id: 's1', to: 'frank', body: { text: SECRET } });
  await frank.next('msg:N', { id: 's1' });
  expect(await said('GET', '/slow')).toMatchObject({
    silent: [],
    sessions: expect.arrayContaining([expect.objectContaining({ user: 'frank', messages: 1 })]) as unknown,
  });
  await untilLogged({ action: 'slow', most: 50, outcome: 'done' });
  const steps = async () => {
    const trace = (await said('GET', '/trace?from=alice&id=s1')) as { steps: { step: string }[] };
    return trace.steps.map(({ step }) => step);
  };
  await until(async () => (await steps()).includes('msg:N'), {
    what: 'the steps in the logs',
    timeoutMs: PATIENCE_MS,
  });
  expect((await steps())[0]).toBe('msg:R');
  await send('carol', 't1');
  expect(await said('GET', '/trace?from=alice&id=t1&to=carol')).toMatchObject({
    copies: [{ to: 'carol', device: null, storedAt: expect.any(Number) as number }],
    receipts: [],
  });
  await untilLogged({ action: 'trace', from: 'alice', id: 't1', to: 'carol', outcome: 'done' });
});

/** What lies in sixfold.dead, by name. */
async function bury(...entries: object[]): Promise<string[]> {
  const letters = entries.map((entry) => ({
    reason: 'a test put it here',
    content: JSON.stringify(entry),
    queue: 'kind' in entry ? routeQueue(partitionOf('gina', 8)) : ACK_QUEUE,
    at: Date.now(),
  }));
  await withChannel(stack, async (channel) => {
    await channel.purgeQueue(DEAD_QUEUE);
    await publishTo(channel, DEAD_QUEUE, JSON.stringify(letters));
  });
  const { letters: shown } = (await said('GET', '/dead')) as { letters: { letter: string }[] };
  expect(shown).toHaveLength(entries.length);
  return shown.map(({ letter }) => letter);
}

test('dead letters: requeued ones arrive; discarded only with their number as confirmation', async () => {
  const body = JSON.stringify(SECRET);
  const message = { kind: 'message', from: 'alice', id: 'dead1', to: 'gina', body, at: Date.now() };
  const [good = '', bad = ''] = await bury(message, { type: 'nonsense', text: SECRET });
  expect(await said('POST', '/dead/requeue', { letters: [good] })).toEqual({ done: [good], failed: [] });
  await untilLogged({ action: 'dead requeue', letters: [good], outcome: 'done' });
  const arrived = async () =>
    ((await said('GET', '/users/gina')) as { mailbox: { messages: number } }).mailbox.messages === 1;
  await until(arrived, { what: 'the letter to arrive', timeoutMs: PATIENCE_MS });
  for (const confirm of [undefined, 0, 2])
    expect((await ask('POST', '/dead/discard', { letters: [bad], confirm })).json).toMatchObject({
      code: 'not_confirmed',
    });
  expect(await said('GET', '/dead')).toMatchObject({ letters: [{ letter: bad }] });
  expect(await said('POST', '/dead/discard', { letters: [bad], confirm: 1 })).toMatchObject({ done: [bad] });
  await untilLogged({ action: 'dead discard', letters: [bad], outcome: 'done' });
  expect(await said('GET', '/dead')).toEqual({ letters: [], more: false });
});

test('what cannot be read is refused with a reason and advice', async () => {
  for (const [method, path, body] of [
    ['GET', '/users/a%20b'],
    ['GET', '/trace?from=alice'],
    ['POST', '/dead/requeue', { letters: [] }],
    ['POST', '/dead/discard', { letters: ['../../x'], confirm: 1 }],
  ] as const) {
    const { status, json } = await ask(method, path, body);
    expect([path, status, json['code']]).toEqual([path, 400, 'bad_request']);
    expect(json['advice']).toMatch(/\w+/);
  }
  expect((await ask('GET', '/nothing')).status).toBe(404);
});

test('when the broker cannot be reached, it says what to do; the overview goes on', async () => {
  const lonely = await stack.addConsole({ CONSOLE_TOKEN: TOKEN, AMQP_URL: 'amqp://127.0.0.1:9' });
  const of = async (path: string) => {
    const response = await fetch(`${lonely.http}/api${path}`, {
      headers: { authorization: `Bearer ${TOKEN}` },
    });
    return { status: response.status, json: (await response.json()) as object };
  };
  expect(await of('/dead')).toMatchObject({
    status: 503,
    json: { code: 'broker_unreachable', advice: expect.stringMatching(/RabbitMQ/) as string },
  });
  expect((await of('/overview')).status).toBe(200);
});

test('without the token, or with a wrong one, there is nothing: 401, then 429; the right one still works', async () => {
  const refused = (reason: string) =>
    readMetrics(console_.http).then((m) => m.value('sixfold_console_refused_total', { reason }));
  const before = [await refused('unauthorized'), await refused('rate_limited')];
  const paths = ['/overview', '/partitions', '/slow', '/trace?from=a&id=b', '/users/alice', '/dead'];
  const statuses: number[] = [];
  for (const path of paths) {
    const { status, json } = await ask('GET', path, undefined, { authorization: 'Bearer wrong' });
    statuses.push(status);
    expect(Object.keys(json).sort()).toEqual(['advice', 'code', 'message']);
  }
  for (const path of ['/users/alice/disconnect', '/users/alice/revoke', '/dead/requeue', '/dead/discard'])
    statuses.push((await ask('POST', path, { confirm: 'alice' }, { authorization: '' })).status);
  const limited = paths.length + 4 - FAILED_LOGINS_PER_MIN;
  expect(statuses.filter((status) => status === 401)).toHaveLength(FAILED_LOGINS_PER_MIN);
  expect(statuses.filter((status) => status === 429)).toHaveLength(limited);
  expect([await refused('unauthorized'), await refused('rate_limited')]).toEqual([
    (before[0] ?? 0) + FAILED_LOGINS_PER_MIN,
    (before[1] ?? 0) + limited,
  ]);
  expect(alice.bye).toBeUndefined();
  const logged = () => logLines().filter(({ msg }) => msg === 'login refused').length;
  await until(() => logged() >= FAILED_LOGINS_PER_MIN, { what: 'the log', timeoutMs: PATIENCE_MS });
  expect(logged()).toBe(FAILED_LOGINS_PER_MIN);
  await said('GET', '/overview');
});

test('under another name than a loopback one there is nothing, not even the page', async () => {
  const asking = (path: string, host: string) =>
    new Promise<number>((resolve, reject) => {
      const headers = { host, authorization: `Bearer ${TOKEN}` };
      get(`${console_.http}${path}`, { headers }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      }).on('error', reject);
    });
  for (const path of ['/', '/icon.svg', '/api/overview'])
    expect([path, await asking(path, 'rebound.example')]).toEqual([path, 403]);
  expect(await asking('/api/overview', 'localhost:8090')).toBe(200);
  for (const path of ['/healthz', '/readyz', '/metrics']) expect(await asking(path, '10.0.0.1')).toBe(200);
});

test('actions are counted', async () => {
  const count = async () =>
    (await readMetrics(console_.http)).value('sixfold_console_actions_total', {
      action: 'user',
      outcome: 'done',
    });
  const before = await count();
  await said('GET', '/users/nobody');
  expect(await count()).toBe(before + 1);
});
