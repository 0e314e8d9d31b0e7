import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ACK_QUEUE, DEAD_QUEUE, partitionOf, routeQueue } from '#libs/broker/topology.ts';
import { admin as run } from '../services/admin/program.ts';
import { REPOSITORY } from '../tools/stack/environment.ts';
import { publishTo, takeAll, withChannel } from './harness/queues.ts';
import { connectAs, type RawClient } from './harness/raw-client.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';

/** An operator looks after a running system with `admin`, and loses nothing by it. */

let stack: Stack;
let alice: RawClient;

beforeAll(async () => {
  stack = await startStack({ gateways: 2, env: { RECEIVE_WINDOW: '2' } });
  alice = await connectAs(stack, stack.gateways[0], 'alice');
});

afterAll(() => stack.stop());

/** Runs a command here: one in a process of its own takes half a second more. */
async function command(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const said = { out: '', err: '' };
  const exit = await run(args, {
    env: { AMQP_URL: stack.amqpUrl, DATABASE_URL: stack.databaseUrl, ...env },
    out: (text) => (said.out += text),
    err: (text) => (said.err += text),
  });
  return { exit, ...said };
}

/** What a command answers. */
async function admin(...args: string[]): Promise<unknown> {
  const { exit, out, err } = await command([...args, '--json']);
  if (exit !== 0) throw new Error(err);
  return JSON.parse(out);
}

/** The code that a command fails with, and what it answered all the same. */
async function refusal(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const { exit, out, err } = await command([...args, '--json'], env);
  if (exit === 0) throw new Error(`it did not fail: ${out}`);
  const { error } = JSON.parse(err) as { error: { code: string; message: string } };
  return { exit, code: error.code, message: error.message, out };
}

/** The program itself. */
const start = (...args: string[]) =>
  execFile(process.execPath, [join(REPOSITORY, 'services/admin/main.ts'), ...args], {
    env: { ...process.env, AMQP_URL: stack.amqpUrl, DATABASE_URL: stack.databaseUrl },
  });

test('mailbox: what waits for a user, and from whom', async () => {
  for (const id of ['c1', 'c2']) alice.msg('carol', id);
  for (const id of ['c1', 'c2']) await alice.next('ack:N', { id, state: 'stored' });
  const counts = await admin('mailbox', 'carol');
  expect(counts).toMatchObject({
    user: 'carol',
    messages: 2,
    receipts: 0,
    oldestReceipt: null,
    senders: [{ sender: 'alice', messages: 2 }],
  });
  expect(Date.now() - (counts as { oldestMessage: number }).oldestMessage).toBeLessThan(60_000);
});

test('message: where copies wait, and receipts for its sender; no body', async () => {
  await using dave = await connectAs(stack, stack.gateways[0], 'dave');
  dave.msg('wanda', 'w1', 'nobody else’s business');
  await dave.next('ack:N', { id: 'w1', state: 'stored' });
  const found = await admin('message', 'dave', 'w1');
  expect(found).toEqual({
    ...{ from: 'dave', id: 'w1', receipts: [] },
    copies: [{ to: 'wanda', device: null, storedAt: expect.any(Number) as number }],
  });
  expect(await admin('message', 'dave', 'w1', '--to', 'nobody')).toMatchObject({ copies: [] });
  await using wanda = await connectAs(stack, stack.gateways[1], 'wanda');
  const { messages } = await wanda.pull();
  wanda.send({ type: 'offline:A', keys: messages.map(({ key }) => key) });
  const confirmed = async () => ((await admin('message', 'dave', 'w1')) as { receipts: object[] }).receipts;
  await until(async () => (await confirmed()).length > 0, { what: 'the receipt' });
  expect(await admin('message', 'dave', 'w1')).toMatchObject({
    copies: [],
    receipts: [{ to: 'wanda', device: null, state: 'delivered', reason: null }],
  });
});

test('partitions: every route queue, and that one instance takes it', async () => {
  const { partitions } = (await admin('partitions')) as {
    partitions: { queue: string; consumers: number }[];
  };
  expect(partitions.map(({ queue }) => queue)).toEqual(Array.from({ length: 8 }, (_, p) => routeQueue(p)));
  for (const { consumers } of partitions) expect(consumers).toBe(1);
});

describe('sessions', () => {
  test('of a user: device, gateway, since; one of them is disconnected, and may come back', async () => {
    const [one, two] = stack.gateways;
    await using phone = await connectAs(stack, one, 'bob', { device: 'phone' });
    await using desk = await connectAs(stack, two, 'bob', { device: 'desk' });
    const sessions = { user: 'bob', sessions: [{ device: 'phone' }, { device: 'desk' }] };
    expect(await admin('sessions', 'bob')).toMatchObject(sessions);
    alice.msg('bob', 'unanswered');
    await phone.next('msg:N', { id: 'unanswered' });

    const gone = await admin('disconnect', 'bob', '--device', 'phone');
    expect(gone).toMatchObject({ user: 'bob', sessions: [{ device: 'phone', present: true }] });
    expect(await phone.next('bye')).toMatchObject({
      reason: 'draining',
      reconnectAfterMs: expect.any(Number) as number,
    });
    expect((await phone.closed).code).toBe(1012);
    expect(await admin('sessions', 'bob')).toMatchObject({ sessions: [{ device: 'desk' }] });
    expect(desk.bye).toBeUndefined();
    await alice.next('ack:N', { id: 'unanswered', state: 'stored' }); // it was not lost

    await using back = await connectAs(stack, two, 'bob', { device: 'phone' });
    expect((await back.pull()).messages.map(({ id }) => id)).toContain('unanswered');
    await admin('disconnect', 'bob');
    expect([(await back.closed).code, (await desk.closed).code]).toEqual([1012, 1012]);
    expect(await admin('sessions', 'bob')).toEqual({ user: 'bob', sessions: [] });
  });
});

test('slow: who has not settled what it was sent, the worst first', async () => {
  const [, two] = stack.gateways;
  await using erin = await connectAs(stack, two, 'erin');
  await using frank = await connectAs(stack, two, 'frank');
  for (const id of ['e1', 'e2', 'e3']) alice.msg('erin', id);
  alice.msg('frank', 'f1');
  await erin.next('msg:N', { id: 'e2' }); // the window holds two
  await frank.next('msg:N', { id: 'f1' });
  const slow = (await admin('slow', '--most', '5')) as { sessions: { unansweredMs: number }[] };
  expect(slow).toMatchObject({
    unsettled: 2,
    silent: [],
    sessions: [
      { user: 'erin', device: 'default', messages: 3 },
      { user: 'frank', messages: 1, waitingBytes: 0 },
    ],
  });
  for (const { unansweredMs } of slow.sessions) expect(unansweredMs).toBeGreaterThanOrEqual(0);
});

describe('dead letters', () => {
  beforeEach(() => withChannel(stack, (channel) => channel.purgeQueue(DEAD_QUEUE)));

  const SECRET = 'nobody else’s business';
  const message = (id: string, to: string) => ({
    kind: 'message',
    from: 'alice',
    id,
    to,
    body: JSON.stringify(SECRET),
    at: Date.now(),
  });
  const ofUser = (user: string) => routeQueue(partitionOf(user, 8));
  const letter = (queue: string, entry: unknown) => ({
    reason: 'a test put it here',
    content: typeof entry === 'string' ? entry : JSON.stringify(entry),
    queue,
    at: Date.now() - 90_000,
  });
  const bury = (...groups: object[][]) =>
    withChannel(stack, (channel) => publishTo(channel, DEAD_QUEUE, ...groups.map((g) => JSON.stringify(g))));
  const deadMessages = () =>
    withChannel(stack, async (channel) => (await channel.checkQueue(DEAD_QUEUE)).messageCount);
  const list = async () =>
    (await admin('dead', 'list')) as { letters: { letter: string; entries: { id?: string }[] }[] };
  const idsOf = async (user: string) =>
    (await stack.sql('SELECT id FROM offline_messages WHERE recipient = $1 ORDER BY id', [user])).map(
      ({ id }) => id,
    );

  test('a look shows what they are, and no body; it takes nothing, however often', async () => {
    await bury([letter(ofUser('gina'), message('look', 'gina')), letter(ACK_QUEUE, '[{"kind":')]);
    // The broker puts back what a look leaves a moment after the look's channel is closed.
    const isBack = async () => (await deadMessages()) === 1;
    for (let n = 0; n < 10; n++) {
      await list();
      await until(isBack, { what: 'what was looked at to be back' });
    }
    const { out } = await command(['dead', 'list', '--json']);
    await until(isBack, { what: 'what was looked at to be back' });
    expect(JSON.parse(out)).toMatchObject({
      more: false,
      letters: [
        {
          queue: ofUser('gina'),
          target: ofUser('gina'),
          reason: 'a test put it here',
          entries: [{ kind: 'message', from: 'alice', to: 'gina', id: 'look' }],
        },
        { queue: ACK_QUEUE, entries: [] },
      ],
    });
    expect(out + (await command(['dead', 'list'])).out).not.toContain(SECRET);
    await until(isBack, { what: 'what was looked at to be back' });
    // RabbitMQ 4.0 to 4.2 would drop what was left 20 times.
    const count = await withChannel(stack, async (channel) => {
      const got = await channel.get(DEAD_QUEUE);
      return got && Number(got.properties.headers?.['x-delivery-count'] ?? 0);
    });
    expect(count).toBeLessThan(10);
  });

  test('requeued, they go where they were read, or to the mailbox; the others of their group stay', async () => {
    const gateway = firstSession(await admin('sessions', 'alice')).gateway;
    await bury([
      letter(ofUser('hugo'), message('r1', 'hugo')),
      letter(`sixfold.gateway.${gateway}`, { ...message('r2', 'hugo'), session: 'gone' }),
      letter(ofUser('hugo'), message('r3', 'hugo')),
    ]);
    const [first, second, third] = (await list()).letters.map((one) => one.letter);
    expect(await admin('dead', 'requeue', first ?? '', second ?? '')).toEqual({
      requeued: [first, second],
      failed: [],
    });
    await until(async () => (await idsOf('hugo')).length === 2, { what: 'both in the mailbox' });
    expect(await idsOf('hugo')).toEqual(['r1', 'r2']);
    expect((await list()).letters.map((one) => one.letter)).toEqual([third]);
    expect(await admin('dead', 'discard', third ?? '')).toEqual({ discarded: [third], failed: [] });
    expect((await list()).letters).toEqual([]);
    expect((await refusal(['dead', 'requeue', third ?? ''])).code).toBe('not_found');
  });

  test('what cannot be requeued stays: no such queue, or no entry', async () => {
    await bury([letter('sixfold.route.99', message('x', 'ivan'))], [letter(ACK_QUEUE, 'no JSON')]);
    const failed = await refusal(['dead', 'requeue', '--all']);
    expect(failed).toMatchObject({ exit: 1, code: 'not_requeued' });
    expect(JSON.parse(failed.out)).toMatchObject({ requeued: [], failed: [{}, {}] });
    expect((await list()).letters).toHaveLength(2);
  });

  test('killed in the middle of a requeue, and given again: nothing is lost', async () => {
    const ids = Array.from({ length: 100 }, (_, n) => `k${String(n).padStart(3, '0')}`);
    const letters = ids.map((id) => letter(ofUser('kim'), message(id, 'kim')));
    await bury(...letters.map((_, n) => letters.slice(2 * n, 2 * n + 2)).filter((pair) => pair.length > 0));
    const child = start('dead', 'requeue', '--all');
    await until(async () => (await idsOf('kim')).length > 0, { what: 'the first', intervalMs: 5 });
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
    const left = new Set((await list()).letters.flatMap(({ entries }) => entries.map(({ id }) => id)));
    expect(left.size).toBeGreaterThan(0); // it was in the middle
    await admin('dead', 'requeue', '--all');
    await until(async () => (await idsOf('kim')).length >= ids.length, { what: 'all in the mailbox' });
    expect(await idsOf('kim')).toEqual(ids);
    expect(await withChannel(stack, (channel) => takeAll(channel, DEAD_QUEUE))).toEqual([]);
  });
});

const firstSession = (answer: unknown) => (answer as { sessions: [{ gateway: string }] }).sessions[0];

test.each([
  ['no such command', ['nonsense'], {}, 'bad_usage'],
  ['no user id', ['mailbox', 'a b'], {}, 'bad_usage'],
  ['no letter', ['dead', 'requeue'], {}, 'bad_usage'],
  ['an address that is none', ['mailbox', 'bob'], { DATABASE_URL: 'http://x' }, 'bad_config'],
  ['no database', ['mailbox', 'bob'], { DATABASE_URL: 'postgres://127.0.0.1:1/x' }, 'database_unreachable'],
  ['no broker', ['dead', 'list'], { AMQP_URL: 'amqp://127.0.0.1:1' }, 'broker_unreachable'],
  ['nobody there', ['disconnect', 'nobody'], {}, 'not_found'],
] as const)('%s is a typed error', async (_what, args, env, code) => {
  expect(await refusal(args, env)).toMatchObject({ exit: 1, code });
});

test('a wrong password, and a place where no service ran', async () => {
  const wrong = new URL(stack.amqpUrl);
  wrong.password = 'wrong';
  expect((await refusal(['dead', 'list'], { AMQP_URL: wrong.href })).code).toBe('refused');
  const empty = new URL(stack.databaseUrl);
  empty.pathname = '/postgres';
  expect((await refusal(['mailbox', 'bob'], { DATABASE_URL: empty.href })).code).toBe('not_set_up');
});

test('for people: tables', async () => {
  const { out } = await command(['sessions', 'alice']);
  expect(out).toMatch(/^device +session +gateway +since +counts\ndefault +[0-9a-f-]{36} +gateway-1\./);
});
