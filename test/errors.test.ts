import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { emptyMailbox } from './harness/mailbox.ts';
import { connectAs, connectRaw, type RawClient } from './harness/raw-client.ts';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';

/** What a gateway refuses, how it says so, and what it must never refuse (PROTOCOL: error codes and close codes; G5, G6, G7). */

const RATE_BURST = 20;
const PING_INTERVAL_MS = 500;
const MAX_CONNECTIONS = 4;

let stack: Stack;
let plain: ServiceHandle;
/** With a low rate, and little patience with what is not answered. */
let limited: ServiceHandle;
/** For few connections, and with frequent pings. */
let small: ServiceHandle;
let alice: RawClient;

beforeAll(async () => {
  const generous = {
    QUEUE_SETTLE_MS: '0',
    RATE_LIMIT_PER_S: '10000',
    RATE_BURST: '10000',
    SEND_WINDOW: '1000',
  };
  // A client that does not read must be found out by that, not by its missing answers.
  stack = await startStack({ gateways: 1, env: { ...generous, ACK_TIMEOUT_MS: '60000' } });
  [plain] = stack.gateways as [ServiceHandle];
  const rate = { RATE_LIMIT_PER_S: '5', RATE_BURST: String(RATE_BURST) };
  const connections = {
    PING_INTERVAL_MS: String(PING_INTERVAL_MS),
    MAX_CONNECTIONS: String(MAX_CONNECTIONS),
  };
  [limited, small] = await Promise.all([
    stack.addGateway({ ...rate, ACK_TIMEOUT_MS: '500' }),
    stack.addGateway(connections),
  ]);
  alice = await connectAs(stack, plain, 'alice');
});

afterAll(() => stack.stop());

const ids = (count: number, prefix: string) => Array.from({ length: count }, (_, n) => `${prefix}${n}`);
const told = (to: string, state: 'stored' | 'delivered') =>
  alice.all('ack:N', { to, state }).map(({ id }) => id);

/** Who learned what became of them; on a machine that stands still for the short ACK_TIMEOUT_MS some are stored. */
const settled = (to: string) => new Set([...told(to, 'delivered'), ...told(to, 'stored')]);

async function errorsTotal(gateway: ServiceHandle, code: string): Promise<number> {
  return (await stack.metrics(gateway)).value('sixfold_errors_total', { code });
}

describe('bad packets', () => {
  const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
  const msg = (fields: string) => `{"type":"msg:R",${fields}}`;

  test.each([
    ['not JSON', '{"type":', /JSON/, undefined],
    ['no object', '[]', /object/, undefined],
    ['null', 'null', /object/, undefined],
    ['no type', '{"id":"m"}', /type/, undefined],
    ['an unknown type', '{"type":"msg:X","id":"m"}', /type/, { type: 'msg:X', id: 'm' }],
    ['a type of the server', '{"type":"msg:A","id":"m","at":1}', /type/, { type: 'msg:A', id: 'm' }],
    ['no id', msg('"to":"bob","body":1'), /id/, { type: 'msg:R' }],
    ['an id with a space', msg('"id":"a b","to":"bob","body":1'), /id/, { type: 'msg:R' }],
    ['an id that is too long', msg(`"id":"${'i'.repeat(65)}","to":"bob","body":1`), /id/, { type: 'msg:R' }],
    ['no receiver', msg('"id":"m","body":1'), /to/, { type: 'msg:R', id: 'm' }],
    ['a receiver with a slash', msg('"id":"m","to":"a/b","body":1'), /to/, { type: 'msg:R', id: 'm' }],
    ['no body', msg('"id":"m","to":"bob"'), /body/, { type: 'msg:R', id: 'm' }],
    ['a body beyond a double', msg('"id":"m","to":"bob","body":[1e400]'), /body/, { type: 'msg:R', id: 'm' }],
    [
      'a body that is too deep',
      msg(`"id":"m","to":"bob","body":${nested(101)}`),
      /body/,
      { type: 'msg:R', id: 'm' },
    ],
    ['a negative seq', msg('"id":"m","to":"bob","body":1,"seq":-1'), /seq/, { type: 'msg:R', id: 'm' }],
    [
      'a seq with a fraction',
      msg('"id":"m","to":"bob","body":1,"seq":0.5'),
      /seq/,
      { type: 'msg:R', id: 'm' },
    ],
    ['ack:R without from', '{"type":"ack:R","id":"m"}', /from/, { type: 'ack:R', id: 'm' }],
    ['a limit of 0', '{"type":"offline:R","limit":0}', /limit/, { type: 'offline:R' }],
    ['a limit of 501', '{"type":"offline:R","limit":501}', /limit/, { type: 'offline:R' }],
    ['no keys', '{"type":"offline:A","keys":[]}', /keys/, { type: 'offline:A' }],
    ['501 keys', JSON.stringify({ type: 'offline:A', keys: ids(501, 'm') }), /keys/, { type: 'offline:A' }],
    ['keys that are no strings', '{"type":"offline:A","keys":[1]}', /keys/, { type: 'offline:A' }],
  ])(
    '%s: the error names the field and the packet, and the connection stays',
    async (_, frame, field, re) => {
      await using client = await connectAs(stack, plain, 'ben');
      const before = await errorsTotal(plain, 'bad_packet');
      client.send(frame);
      const error = await client.next('error');
      expect(error.code).toBe('bad_packet');
      expect(error.message).toMatch(field);
      expect(error.re).toEqual(re);
      expect(await errorsTotal(plain, 'bad_packet')).toBe(before + 1);
      client.send({ type: 'ping' });
      await client.next('pong');
    },
  );

  test('the fifth one closes with 4400', async () => {
    await using client = await connectAs(stack, plain, 'cal');
    for (let n = 1; n <= 4; n++) client.send('nonsense');
    client.msg('cal', 'still-here');
    await client.next('msg:N', { id: 'still-here' });
    client.send('nonsense');
    expect((await client.closed).code).toBe(4400);
    expect(client.all('error', { code: 'bad_packet' })).toHaveLength(5);
  });

  test('who floods on instead of answering the close is not read any more', async () => {
    await using client = await connectAs(stack, plain, 'flooder');
    client.ws.pause(); // it does not see the close
    for (let n = 0; n < 5; n++) client.send('{');
    const frame = 'x'.repeat(60_000);
    for (let n = 0; n < 600; n++) client.send(frame); // more than the system's buffers take
    const drained = until(() => client.ws.bufferedAmount === 0, { what: 'the gateway to read it all' });
    const end = await Promise.race([client.closed.then(() => 'closed'), drained.then(() => 'read')]);
    drained.catch(() => undefined);
    expect(end).toBe('closed');
  });

  test('a binary frame closes with 1003', async () => {
    await using client = await connectAs(stack, plain, 'dot');
    client.ws.send(Buffer.from('{"type":"ping"}'));
    expect((await client.closed).code).toBe(1003);
  });

  test('a frame of the largest size is taken, one more byte closes with 1009', async () => {
    await using client = await connectAs(stack, plain, 'eli');
    const frame = (bytes: number) => {
      const empty = { type: 'msg:R', id: 'big', to: 'eli', body: '' };
      const room = bytes - JSON.stringify(empty).length;
      return JSON.stringify({ ...empty, body: 'é'.repeat(Math.floor(room / 2)) + 'x'.repeat(room % 2) });
    };
    const largest = frame(65_536);
    expect(Buffer.byteLength(largest)).toBe(65_536);
    client.send(largest);
    expect(await client.next('msg:N')).toMatchObject({ id: 'big' });
    client.send(frame(65_537));
    expect((await client.closed).code).toBe(1009);
    expect(await errorsTotal(plain, 'too_large')).toBe(1);
  });

  test('what a client does before it is logged in is counted, too', async () => {
    const codes = ['not_logged_in', 'unauthorized', 'binary'];
    const count = () => Promise.all(codes.map((code) => errorsTotal(plain, code)));
    const before = await count();
    for (const frame of ['{"type":"ping"}', '{"type":"login:R","token":"none"}', Buffer.from('{}')]) {
      await using client = await connectRaw(plain.url);
      client.ws.send(frame);
      await client.closed;
    }
    expect(await count()).toEqual(before.map((n) => n + 1));
  });
});

describe('the rate limit', () => {
  const ack = (client: RawClient, id: string) => client.send({ type: 'ack:R', id, from: 'alice' });

  test('what is above it is refused by name and has no effect; later it is taken', async () => {
    await using client = await connectAs(stack, limited, 'fay');
    const sent = ids(RATE_BURST + 10, 'r');
    for (const id of sent) client.msg('alice', id);
    await until(() => client.all('msg:A').length + client.all('error').length === sent.length, {
      what: 'answers',
    });
    const refused = client.all('error');
    expect(refused.length).toBeGreaterThan(0);
    for (const { code, re } of refused) {
      expect(code).toBe('rate_limited');
      expect(re?.type).toBe('msg:R');
    }
    const accepted = sent.filter((id) => !refused.some(({ re }) => re?.id === id));
    expect(client.all('msg:A').map(({ id }) => id)).toEqual(accepted);
    await alice.next('msg:N', ({ id }) => id === accepted.at(-1));
    expect(alice.all('msg:N', { from: 'fay' }).map(({ id }) => id)).toEqual(accepted);
    await until(
      () => {
        client.send({ type: 'ping' });
        return client.all('pong').length > 0;
      },
      { what: 'a packet to be taken again', intervalMs: 400 },
    );
  });

  test('to go on and on closes with 4429', async () => {
    await using client = await connectAs(stack, limited, 'gus');
    const before = await errorsTotal(limited, 'rate_limited');
    for (let n = 0; n < 10 * RATE_BURST; n++) client.send({ type: 'ping' });
    expect((await client.closed).code).toBe(4429);
    const errors = client.all('error', { code: 'rate_limited' });
    expect(errors.length).toBeGreaterThan(RATE_BURST);
    expect(errors[0]?.re).toEqual({ type: 'ping' });
    expect(await errorsTotal(limited, 'rate_limited')).toBe(before + errors.length);
  });

  test('a receiver that answers is never refused, however much comes', async () => {
    await using bob = await connectAs(stack, limited, 'hal', { autoAck: true });
    const sent = ids(300, 'f');
    for (const id of sent) alice.msg('hal', id);
    await until(() => settled('hal').size === sent.length, { what: 'an outcome for all' });
    expect(bob.all('error')).toEqual([]);
  });

  test('nor one that answers each message twice', async () => {
    await using bob = await connectAs(stack, limited, 'ian');
    const sent = ids(60, 'd');
    for (const id of sent) alice.msg('ian', id);
    await until(() => bob.all('msg:N').length === sent.length, { what: 'all to come' });
    for (const id of sent) {
      ack(bob, id);
      ack(bob, id);
    }
    await until(() => bob.all('ack:A').length === 2 * sent.length, { what: 'all answers to be answered' });
    expect(bob.all('error')).toEqual([]);
  });

  test('nor one that answers late', async () => {
    await using bob = await connectAs(stack, limited, 'jim');
    const sent = ids(60, 'l');
    for (const id of sent) alice.msg('jim', id);
    await until(() => told('jim', 'stored').length === sent.length, { what: 'the ack timeout' });
    for (const id of sent) ack(bob, id);
    await until(() => bob.all('ack:A').length + bob.all('error').length >= sent.length, { what: 'answers' });
    expect(bob.all('error')).toEqual([]);
  });

  test('nor one whose other device was faster', async () => {
    await using phone = await connectAs(stack, plain, 'kay', { device: 'phone' });
    await using tablet = await connectAs(stack, limited, 'kay', { device: 'tablet' });
    const sent = ids(30, 'o');
    for (const id of sent) alice.msg('kay', id);
    for (const device of [phone, tablet])
      await until(() => device.all('msg:N').length === sent.length, { what: 'all at both devices' });
    for (const id of sent) ack(phone, id);
    await until(() => settled('kay').size === sent.length, { what: 'an outcome for all' });
    await until(async () => (await stack.metrics(limited)).value('sixfold_inflight_messages') === 0, {
      what: 'all to be settled at the tablet',
    });
    for (const id of sent) ack(tablet, id);
    await until(() => tablet.all('ack:A').length + tablet.all('error').length >= sent.length, {
      what: 'answers',
    });
    expect(tablet.all('error')).toEqual([]);
    expect(phone.all('error')).toEqual([]);
  });

  test('nor one that repeats answers which had been answered already', async () => {
    await using bob = await connectAs(stack, limited, 'lou', { autoAck: true });
    const sent = ids(30, 'e');
    for (const id of sent) alice.msg('lou', id);
    await until(() => bob.all('ack:A').length === sent.length, { what: 'all to be confirmed' });
    for (const id of sent) ack(bob, id);
    await until(() => bob.all('ack:A').length + bob.all('error').length >= 2 * sent.length, {
      what: 'answers',
    });
    expect(bob.all('error')).toEqual([]);
  });

  test('offline:A for what was sent does not count', async () => {
    const sent = ids(60, 'k');
    for (const id of sent) alice.msg('may', id);
    await until(() => told('may', 'stored').length === sent.length, { what: 'all to be stored' });
    await using bob = await connectAs(stack, limited, 'may');
    const { messages } = await bob.pull(100);
    expect(messages).toHaveLength(sent.length);
    for (const { key } of messages) bob.send({ type: 'offline:A', keys: [key] });
    expect(await bob.pull()).toMatchObject({ messages: [], more: false });
    expect(bob.all('error')).toEqual([]);
  });
});

describe('connections', () => {
  test('a silent socket is terminated, one that answers pings or sends them is not', async () => {
    await using silent = await connectAs(stack, small, 'ned', { ws: { autoPong: false } });
    await using answering = await connectAs(stack, small, 'oda');
    await using asking = await connectAs(stack, small, 'pat', { ws: { autoPong: false } });
    const begin = Date.now();
    const asks = setInterval(() => asking.send({ type: 'ping' }), PING_INTERVAL_MS / 3);
    expect((await silent.closed).code).toBe(1006);
    expect(Date.now() - begin).toBeGreaterThan(PING_INTERVAL_MS);
    await until(() => Date.now() - begin > 5 * PING_INTERVAL_MS, { what: 'some more pings' });
    clearInterval(asks);
    for (const client of [answering, asking]) expect(client.ws.readyState).toBe(client.ws.OPEN);
    expect(asking.all('pong').length).toBeGreaterThan(5);
    expect(
      await stack.sql("SELECT user_id FROM sessions WHERE user_id IN ('ned', 'oda', 'pat') ORDER BY 1"),
    ).toEqual([{ user_id: 'oda' }, { user_id: 'pat' }]);
  });

  test('one too many is closed with 1013; when another leaves there is room again', async () => {
    const before = await errorsTotal(small, 'overloaded');
    const all: RawClient[] = [];
    for (let n = 0; n < MAX_CONNECTIONS; n++) all.push(await connectAs(stack, small, `q${n}`));
    await using extra = await connectRaw(small.url);
    expect((await extra.closed).code).toBe(1013);
    expect((await errorsTotal(small, 'overloaded')) - before).toBe(1);
    await all.pop()?.close();
    all.push(await connectAs(stack, small, 'room'));
    for (const client of all) await client.close();
  });

  test('a client that does not read is let go with 4413, and its messages are in the mailbox', async () => {
    const rob = await connectAs(stack, plain, 'rob');
    const before = await errorsTotal(plain, 'slow_consumer');
    rob.ws.pause();
    const sent = ids(128, 's');
    for (const id of sent) alice.msg('rob', id, 'x'.repeat(64_000));
    await until(async () => (await errorsTotal(plain, 'slow_consumer')) > before, {
      what: 'the gateway to let go',
    });
    rob.ws.resume();
    expect((await rob.closed).code).toBe(4413);
    await until(() => told('rob', 'stored').length === sent.length, { what: 'all to be stored' });
    await using again = await connectAs(stack, plain, 'rob');
    const { messages } = await emptyMailbox(again);
    // What the broker confirmed too late was stored again, after it had been pulled: a client knows it by its id.
    expect(new Set(messages.map(({ id }) => id))).toEqual(new Set(sent));
  });

  test('a client that reads is not taken for slow, however much comes at once', async () => {
    await using sid = await connectAs(stack, plain, 'sid', { autoAck: true });
    const before = await errorsTotal(plain, 'slow_consumer');
    const got = new Set<string>();
    const sent = ids(64, 't');
    for (const id of sent) alice.msg('sid', id, 'x'.repeat(64_000));
    // What does not fit into the session goes to the mailbox; the connection has nothing to fear.
    await until(
      async () => {
        const { messages } = await emptyMailbox(sid);
        for (const { id } of [...messages, ...sid.all('msg:N')]) got.add(id);
        return got.size === sent.length;
      },
      { what: 'all to arrive', intervalMs: 100 },
    );
    expect(sid.ws.readyState).toBe(sid.ws.OPEN);
    expect(await errorsTotal(plain, 'slow_consumer')).toBe(before);
  });
});

describe('other people', () => {
  test('from is always the authenticated user, and at the server’s clock', async () => {
    await using tim = await connectAs(stack, plain, 'tim');
    const before = Date.now();
    alice.send('{"type":"msg:R","id":"forged","to":"tim","body":1,"from":"boss","at":1}');
    const { from, at } = await tim.next('msg:N', { id: 'forged' });
    expect(from).toBe('alice');
    expect(at).toBeGreaterThanOrEqual(before);
    expect(at).toBeLessThanOrEqual(Date.now());
  });

  test("ack:R for somebody else's message has no effect", async () => {
    await using una = await connectAs(stack, plain, 'una');
    await using vic = await connectAs(stack, plain, 'vic');
    alice.msg('una', 'private');
    await una.next('msg:N', { id: 'private' });
    vic.send({ type: 'ack:R', id: 'private', from: 'alice' });
    await vic.next('ack:A', { id: 'private', from: 'alice' });
    // What an ack:R causes passes the ack service in order: a real one behind it is the marker.
    alice.msg('vic', 'marker');
    await vic.next('msg:N', { id: 'marker' });
    vic.send({ type: 'ack:R', id: 'marker', from: 'alice' });
    await alice.next('ack:N', { id: 'marker', state: 'delivered' });
    expect(told('una', 'delivered')).toEqual([]);
    una.send({ type: 'ack:R', id: 'private', from: 'alice' });
    await alice.next('ack:N', { id: 'private', to: 'una', state: 'delivered' });
  });

  test("offline:R and offline:A reach one's own mailbox only", async () => {
    alice.msg('wes', 'mail');
    await alice.next('ack:N', { to: 'wes', state: 'stored' });
    await using wes = await connectAs(stack, plain, 'wes');
    await using xia = await connectAs(stack, plain, 'xia');
    expect((await xia.pull()).messages).toEqual([]);
    const { messages } = await wes.pull();
    expect(messages.map(({ id }) => id)).toEqual(['mail']);
    xia.send({ type: 'offline:A', keys: messages.map(({ key }) => key) });
    await xia.pull(); // comes behind the confirmation
    expect((await wes.pull()).messages).toEqual(messages);
  });
});
