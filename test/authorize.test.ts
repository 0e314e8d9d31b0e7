import { SignJWT } from 'jose';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { connect } from '#libs/client/index.ts';
import { connectAs, connectRaw } from './harness/raw-client.ts';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';

/** Who may write to whom, where the operator restricts it: by can_send in the token, or when asked at AUTHORIZE_URL. */

const SEND_WINDOW = 10;

type Answer = (response: ServerResponse, to: string) => void;

const say =
  (status: number, text: string): Answer =>
  (response) =>
    void response.writeHead(status).end(text);
const allow = say(200, '{"allow":true}');
const deny = say(200, '{"allow":false}');

/** The operator's end; what it answers is the test's decision. */
const operator = {
  answer: allow,
  asked: [] as unknown[],
  server: createServer((request, response) => {
    void json(request).then((question) => {
      operator.asked.push(question);
      operator.answer(response, (question as { to: string }).to);
    });
  }),
};

let stack: Stack;
/** Asks nobody. */
let plain: ServiceHandle;
/** Asks the operator, and remembers for long. */
let asking: ServiceHandle;
/** Does not wait for long, and remembers nothing. */
let impatient: ServiceHandle;

beforeAll(async () => {
  operator.server.listen(0, '127.0.0.1');
  await once(operator.server, 'listening');
  const { port } = operator.server.address() as AddressInfo;
  const AUTHORIZE_URL = `http://127.0.0.1:${port}/may-write`;
  stack = await startStack({ gateways: 1 });
  [plain] = stack.gateways as [ServiceHandle];
  [asking, impatient] = await Promise.all([
    stack.addGateway({ AUTHORIZE_URL, AUTHORIZE_TIMEOUT_MS: '20000', SEND_WINDOW: String(SEND_WINDOW) }),
    stack.addGateway({ AUTHORIZE_URL, AUTHORIZE_TIMEOUT_MS: '300', AUTHORIZE_CACHE_MS: '0' }),
  ]);
});

afterAll(async () => {
  operator.server.close();
  operator.server.closeAllConnections();
  await stack.stop();
});

beforeEach(() => {
  operator.answer = allow;
  operator.asked = [];
});

let users = 0;
/** A user that no other test knows. */
const someone = (name: string) => `${name}-${++users}`;

/** A token that says whom its user may write to. */
const token = (user: string, can_send: unknown) =>
  new SignJWT({ sub: user, can_send, exp: Math.floor(Date.now() / 1_000) + 3_600 })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(stack.secret));

/** Keeps the operator's answers back until the test lets them go. */
function hold(held: (to: string) => boolean = () => true): {
  count: () => number;
  release: (answer?: Answer) => void;
} {
  const waiting: [ServerResponse, string][] = [];
  operator.answer = (response, to) => (held(to) ? void waiting.push([response, to]) : allow(response, to));
  return {
    count: () => waiting.length,
    release: (answer = allow) => {
      operator.answer = answer;
      for (const [response, to] of waiting.splice(0)) answer(response, to);
    },
  };
}

const refusal = (id: string, code: string) => ({ type: 'error', code, re: { type: 'msg:R', id } });

/** What waits for a user who is away, when all that was published before is there. */
async function stored(user: string): Promise<unknown[]> {
  await using marker = await connectAs(stack, plain, someone('marker'));
  marker.msg(user, 'marker');
  await marker.next('ack:N', { id: 'marker', state: 'stored' });
  const rows = await stack.sql('SELECT id FROM offline_messages WHERE recipient = $1', [user]);
  return rows.map(({ id }) => id).filter((id) => id !== 'marker');
}

describe('the operator is asked', () => {
  test('and a yes lets messages through, asked once for both ways apart', async () => {
    const [alice, bob] = [someone('alice'), someone('bob')];
    await using one = await connectAs(stack, asking, alice, { autoAck: true });
    await using two = await connectAs(stack, asking, bob, { autoAck: true });
    for (const n of [1, 2, 3]) one.msg(bob, `m${n}`);
    await two.next('msg:N', { id: 'm3', from: alice });
    for (const n of [4, 5, 6]) one.msg(bob, `m${n}`);
    await one.next('ack:N', { id: 'm6', state: 'delivered' });
    two.msg(alice, 'back');
    await one.next('msg:N', { id: 'back' });
    expect(operator.asked).toEqual([
      { from: alice, to: bob },
      { from: bob, to: alice },
    ]);
  });

  test('and a no is forbidden, remembered too, and nothing is stored', async () => {
    const [alice, eve] = [someone('alice'), someone('eve')];
    operator.answer = (response, to) => (to === eve ? deny : allow)(response, to);
    await using client = await connectAs(stack, asking, alice);
    client.msg(eve, 'm1');
    expect(await client.next('error')).toMatchObject(refusal('m1', 'forbidden'));
    client.msg(eve, 'm2');
    expect(await client.next('error')).toMatchObject(refusal('m2', 'forbidden'));
    expect(operator.asked).toEqual([{ from: alice, to: eve }]);
    expect(await stored(eve)).toEqual([]);
    expect(client.all('msg:A')).toEqual([]);
    const metrics = await stack.metrics(asking);
    expect(metrics.value('sixfold_errors_total', { code: 'forbidden' })).toBeGreaterThanOrEqual(2);
    expect(metrics.value('sixfold_authorize_requests_total', { outcome: 'deny' })).toBeGreaterThanOrEqual(1);
  });

  test('messages to one receiver keep their order while they wait, and hold up nobody else', async () => {
    const [alice, bob, carol] = [someone('alice'), someone('bob'), someone('carol')];
    const { release } = hold((to) => to === bob);
    await using one = await connectAs(stack, asking, alice);
    await using two = await connectAs(stack, plain, bob, { autoAck: true });
    const ids = Array.from({ length: SEND_WINDOW - 1 }, (_, n) => `m${n}`);
    ids.forEach((id, n) => one.msg(bob, id, id, n));
    one.msg(carol, 'other');
    await one.next('msg:A', { id: 'other' });
    expect((await stack.metrics(asking)).value('sixfold_authorize_waiting')).toBe(ids.length);
    release();
    one.msg(bob, 'last');
    await two.next('msg:N', { id: 'last' });
    const got = two.all('msg:N');
    expect(got.map(({ id }) => id)).toEqual([...ids, 'last']);
    const times = got.map(({ at }) => at);
    expect(times).toEqual([...new Set(times)].sort((a, b) => a - b));
    expect(operator.asked.filter((question) => (question as { to: string }).to === bob)).toHaveLength(1);
  });

  test('what waits counts for the send window', async () => {
    const [alice, bob] = [someone('alice'), someone('bob')];
    const { release } = hold();
    await using client = await connectAs(stack, asking, alice);
    for (let n = 0; n <= SEND_WINDOW; n++) client.msg(bob, `m${n}`);
    expect(await client.next('error')).toMatchObject(refusal(`m${SEND_WINDOW}`, 'window_full'));
    expect(client.all('error')).toHaveLength(1);
    release(deny);
    await client.next('error', ({ re }) => re?.id === `m${SEND_WINDOW - 1}`);
    operator.answer = allow;
    for (let n = 0; n < SEND_WINDOW; n++) client.msg(someone('bob'), `again${n}`);
    await client.next('msg:A', { id: `again${SEND_WINDOW - 1}` });
    expect(client.all('error', { code: 'window_full' })).toHaveLength(1);
  });

  test('who is gone before the answer has sent nothing', async () => {
    const [alice, bob] = [someone('alice'), someone('bob')];
    const { count, release } = hold();
    const client = await connectAs(stack, asking, alice);
    client.msg(bob, 'm1');
    await until(() => count() === 1, { what: 'the question' });
    await client.terminate();
    await until(async () => (await stack.metrics(asking)).value('sixfold_sessions') === 0, {
      what: 'the end',
    });
    release();
    await until(async () => (await stack.metrics(asking)).value('sixfold_authorize_waiting') === 0, {
      what: 'the answer',
    });
    expect(await stored(bob)).toEqual([]);
  });
});

describe('of a list,', () => {
  const list = (id: string, ...to: string[]) => ({ type: 'msg:R' as const, id, to, body: id });

  test('everybody is asked about, and every refusal is named', async () => {
    const [bob, carol, eve] = [someone('bob'), someone('carol'), someone('eve')];
    operator.answer = (response, to) => (to === bob ? allow : deny)(response, to);
    await using alice = await connectAs(stack, asking, someone('alice'));
    alice.send(list('no', bob, carol, eve));
    const { code, re } = await alice.next('error');
    expect([code, re?.id, re?.to?.sort()]).toEqual(['forbidden', 'no', [carol, eve].sort()]);
    expect(operator.asked).toHaveLength(3);
    alice.send(list('yes', bob));
    await alice.next('msg:A', { id: 'yes' });
    expect(await stored(carol)).toEqual([]);
    expect(await stored(bob)).toEqual(['yes']);
  });

  test('nothing overtakes it while one of its receivers is undecided', async () => {
    const [alice, bob, carol] = [someone('alice'), someone('bob'), someone('carol')];
    await using one = await connectAs(stack, asking, alice);
    await using two = await connectAs(stack, plain, bob, { autoAck: true });
    one.msg(bob, 'm0'); // from here on the answer about bob is known
    await one.next('msg:A', { id: 'm0' });
    const { count, release } = hold((to) => to === carol);
    one.send(list('m1', bob, carol));
    one.msg(bob, 'm2');
    one.send(list('m3', bob));
    one.msg(bob, 'm4');
    await until(() => count() === 1, { what: 'the question' });
    release();
    await two.next('msg:N', { id: 'm4' });
    expect(two.all('msg:N').map(({ id }) => id)).toEqual(['m0', 'm1', 'm2', 'm3', 'm4']);
  });

  test('one without an answer leaves all of it unavailable', async () => {
    const [bob, carol] = [someone('bob'), someone('carol')];
    hold((to) => to === carol);
    await using alice = await connectAs(stack, impatient, someone('alice'));
    alice.send(list('later', bob, carol));
    expect(await alice.next('error')).toMatchObject(refusal('later', 'unavailable'));
    expect(await stored(bob)).toEqual([]);
  });
});

describe('without an answer nothing passes, and nothing is refused for good:', () => {
  test.each<[string, Answer]>([
    ['too slow', () => undefined],
    ['a broken connection', (response) => void response.destroy()],
    ['an error', say(500, '{"allow":true}')],
    ['another status', say(403, '{"allow":false}')],
    ['garbage', say(200, 'yes')],
  ])('%s', async (_, answer) => {
    const [alice, bob] = [someone('alice'), someone('bob')];
    await using client = await connectAs(stack, impatient, alice);
    operator.answer = answer;
    client.msg(bob, 'm1');
    client.msg(bob, 'm2');
    expect(await client.next('error')).toMatchObject(refusal('m1', 'unavailable'));
    expect(await client.next('error')).toMatchObject(refusal('m2', 'unavailable'));
    expect(operator.asked).toHaveLength(1);
    operator.answer = allow;
    client.msg(bob, 'm2'); // no failure is remembered
    await client.next('ack:N', { id: 'm2', state: 'stored' });
    expect(await stored(bob)).toEqual(['m2']);
  });
});

describe('can_send in the token', () => {
  test('says whom one may write to, and a fresh token says it anew', async () => {
    const alice = someone('alice');
    await using client = await connectRaw(plain.url, { token: await token(alice, ['bob-x', 'team:*']) });
    await client.login();
    client.msg('bob-x', 'm1');
    client.msg('team:carol', 'm2');
    await client.next('msg:A', { id: 'm2' });
    client.msg(alice, 'm3');
    expect(await client.next('error')).toMatchObject(refusal('m3', 'forbidden'));
    client.send({ type: 'login:R', token: await token(alice, [alice]) });
    await client.next('login:A');
    client.msg(alice, 'm4');
    expect(await client.next('msg:N')).toMatchObject({ id: 'm4' });
    client.msg('bob-x', 'm5');
    expect(await client.next('error')).toMatchObject(refusal('m5', 'forbidden'));
    client.send({ type: 'login:R', token: await stack.token(alice) });
    await client.next('login:A');
    client.msg('bob-x', 'm6');
    await client.next('msg:A', { id: 'm6' });
    expect(await stored('bob-x')).toEqual(['m1', 'm6']);
  });

  test.each([['bob'], [{ bob: true }], [['bob', 7]], [null]])('%j is unauthorized', async (claim) => {
    await using client = await connectRaw(plain.url);
    client.send({ type: 'login:R', token: await token(someone('alice'), claim) });
    expect(await client.next('error')).toMatchObject({ code: 'unauthorized', re: { type: 'login:R' } });
    expect((await client.closed).code).toBe(4401);
  });

  test('and the operator must both allow it; who is refused by the token is not asked about', async () => {
    const [alice, bob, carol] = [someone('alice'), someone('bob'), someone('carol')];
    operator.answer = (response, to) => (to === bob ? deny : allow)(response, to);
    await using client = await connectRaw(asking.url, { token: await token(alice, [bob, alice]) });
    await client.login();
    for (const [n, to] of [carol, bob, alice].entries()) client.msg(to, `m${n}`);
    await client.next('msg:A', { id: 'm2' });
    await until(() => client.all('error').length === 2, { what: 'both refusals' });
    expect(client.all('error')).toMatchObject([refusal('m0', 'forbidden'), refusal('m1', 'forbidden')]);
    expect(operator.asked).toEqual([
      { from: alice, to: bob },
      { from: alice, to: alice },
    ]);
  });
});

describe('the client library', () => {
  /** A client of the library at a gateway that asks. */
  async function library(gateway: ServiceHandle, user: string) {
    const tuning = { retransmit: { baseMs: 100, maxMs: 200 }, refused: { baseMs: 50, maxMs: 100 } };
    const client = connect({ url: gateway.url, token: await stack.token(user), tuning });
    onTestFinished(() => client.close());
    const refusals: (string | undefined)[] = [];
    client.onError(({ serverCode }) => refusals.push(serverCode));
    await client.connected();
    return { client, refusals };
  }

  test('takes forbidden as the last word on a message, tells it, and goes on with the others', async () => {
    const [alice, bob, eve] = [someone('alice'), someone('bob'), someone('eve')];
    operator.answer = (response, to) => (to === eve ? deny : allow)(response, to);
    const { client, refusals } = await library(impatient, alice);
    const message = client.send(eve, 'psst');
    await expect(message.settled()).rejects.toMatchObject({ code: 'send', reason: 'forbidden' });
    expect(message.state).toBe('failed');
    expect(refusals).toEqual(['forbidden']);
    // Long enough for it to be sent again, several times.
    for (let n = 0; n < 5; n++) await client.send(bob, n).reached('stored');
    await using other = await connectAs(stack, plain, bob);
    client.send(bob, 'end');
    await other.next('msg:N', { body: 'end' });
    expect(operator.asked.filter((question) => (question as { to: string }).to === eve)).toHaveLength(1);
  });

  test('sends again what nobody could tell about', async () => {
    const bob = someone('bob');
    operator.answer = say(500, '');
    const { client } = await library(impatient, someone('alice'));
    const message = client.send(bob, 'hello');
    await until(() => operator.asked.length >= 3, { what: 'three tries' });
    expect(message.state).toBe('sending');
    operator.answer = allow;
    await message.reached('stored');
    expect(await stored(bob)).toEqual([message.id]);
  });

  test('keeps what it knows of a message when a right is withdrawn behind it: the receipt is the truth', async () => {
    const [alice, bob] = [someone('alice'), someone('bob')];
    const { client, refusals } = await library(impatient, alice);
    await using other = await connectAs(stack, plain, bob);
    const message = client.send(bob, 'hello');
    await message.accepted();
    operator.answer = deny;
    await until(() => refusals.length > 0, { what: 'the refusal of a retransmission' });
    expect(refusals).toEqual(['forbidden']);
    expect(message.state).toBe('sent');
    const { id, from } = await other.next('msg:N');
    other.send({ type: 'ack:R', id, from });
    expect(await message.settled()).toBe('delivered');
  });
});
