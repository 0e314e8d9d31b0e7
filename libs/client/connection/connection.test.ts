import { describe, expect, test, vi } from 'vitest';
import { MemoryStorage } from '../storage/memory.ts';
import { settle } from '../testing/manual-clock.ts';
import { comeOnline, online, setup } from '../testing/setup.ts';
import type { Status } from './status.ts';

/** A JWT as far as a client reads it. */
const jwt = (exp: number) => `x.${btoa(JSON.stringify({ exp })).replaceAll('=', '')}.x`;

/** The server's time in the fake gateway's login:A, in seconds. */
const SERVER_NOW_S = 1_800_000_000;

describe('login', () => {
  test('offers the subprotocol, and sends token and device as the first packet', async () => {
    const { gateway, client } = setup({ device: 'phone' });
    expect(client.status).toEqual({ state: 'connecting', url: 'ws://one/ws' });
    await settle();
    expect(gateway.last.protocols).toEqual(['sixfold.v1']);
    await gateway.last.open();
    expect(gateway.last.received).toEqual([{ type: 'login:R', token: 'token', device: 'phone' }]);
    const connected = client.connected();
    await gateway.last.login();
    expect(await connected).toMatchObject({ user: 'alice', device: 'phone', session: 's1' });
    expect(client.status).toMatchObject({ state: 'online', session: { session: 's1' } });
    expect((await client.connected()).limits.sendWindow).toBe(128);
  });

  test('a refused login is tried again with backoff on the same connection', async () => {
    let tokens = 0;
    const { gateway, clock } = setup({ token: () => `token-${++tokens}` });
    await settle();
    await gateway.last.open();
    for (const pause of [200, 400, 800]) {
      gateway.last.take('login:R');
      await gateway.last.send({ type: 'error', code: 'unavailable', message: '', re: { type: 'login:R' } });
      await clock.advance(pause - 1);
      expect(gateway.last.received).toEqual([]);
      await clock.advance(1);
    }
    await gateway.last.login();
    expect(gateway.connections.length).toBe(1);
    expect(tokens).toBe(1);
  });

  test('a login that is not answered is given up', async () => {
    const { gateway, clock, client } = setup();
    await settle();
    await gateway.last.open();
    await clock.advance(10_000);
    expect(gateway.last.closedByClient).toBe(1000);
    expect(client.status).toMatchObject({ state: 'waiting', reason: 'login_unanswered' });
  });

  test('a socket that does not open is given up', async () => {
    const { gateway, clock, client } = setup();
    await clock.advance(10_000);
    expect(gateway.last.closedByClient).toBe(1000);
    expect(client.status).toMatchObject({ state: 'waiting', reason: 'not_reached' });
    await clock.advance(500);
    expect(gateway.connections.length).toBe(2);
  });

  test('a WebSocket that cannot even be made is reported, and tried again', async () => {
    const nowhere = vi.fn(function () {
      throw new Error('not here');
    });
    const { clock, client, errors } = setup({ WebSocket: nowhere });
    await clock.advance(500);
    expect(errors.map(({ code }) => code)).toEqual(['socket', 'socket']);
    expect(client.status.state).toBe('waiting');
  });
});

describe('the token', () => {
  test('is fetched anew for each connection', async () => {
    let count = 0;
    const { gateway, clock } = setup({ token: () => Promise.resolve(`token-${++count}`) });
    await settle();
    await gateway.last.open();
    expect((await gateway.last.login()).token).toBe('token-1');
    await gateway.last.close(1006);
    await clock.advance(500);
    await gateway.last.open();
    expect((await gateway.last.login()).token).toBe('token-2');
  });

  test('that cannot be fetched is reported and fetched again with backoff', async () => {
    let working = false;
    const token = () => {
      if (working) return 'token';
      throw new Error('no network');
    };
    const { gateway, clock, client, errors } = setup({ token });
    await settle();
    expect(errors).toMatchObject([{ code: 'token', cause: { message: 'no network' } }]);
    expect(client.status).toEqual({ state: 'waiting', retryInMs: 500, reason: 'no_token' });
    await clock.advance(500);
    expect(client.status).toEqual({ state: 'waiting', retryInMs: 1000, reason: 'no_token' });
    working = true;
    await clock.advance(1000);
    await gateway.last.open();
    await gateway.last.login();
  });

  test('that comes after the client was closed opens nothing', async () => {
    let give: (token: string) => void = () => undefined;
    const { gateway, client } = setup({ token: () => new Promise((resolve) => (give = resolve)) });
    await settle();
    await client.close();
    give('late');
    await settle();
    expect(gateway.connections.length).toBe(0);
  });

  test('is renewed before it expires, on the live session, which goes on', async () => {
    let count = 0;
    const token = () => jwt(SERVER_NOW_S + 300 * ++count);
    const { client, clock, connection } = await online({ token });
    const statuses: Status[] = [];
    client.onStatus((status) => statuses.push(status));
    client.send('bob', 1, { id: 'm1' });
    await clock.advance(239_999);
    expect(connection.takeAll('login:R')).toEqual([]);
    connection.takeAll('msg:R');
    await clock.advance(1);
    expect(connection.take('login:R').token).toBe(jwt(SERVER_NOW_S + 600));
    const limits = { maxPacketBytes: 1, sendWindow: 1, receiveWindow: 1, ackTimeoutMs: 1, ratePerS: 1 };
    const at = (SERVER_NOW_S + 240) * 1000;
    await connection.send({ type: 'login:A', user: 'alice', device: 'default', session: 's1', at, limits });
    expect(connection.received).toEqual([]); // no offline:R, nothing sent again
    expect(statuses).toEqual([]);
    await clock.advance(299_999);
    expect(connection.takeAll('login:R')).toEqual([]);
    await clock.advance(1);
    connection.take('login:R');
  });

  test('that cannot be renewed is tried again, and the session goes on meanwhile', async () => {
    let fail = false;
    const token = () => {
      if (fail) throw new Error('no network');
      return jwt(SERVER_NOW_S + 300);
    };
    const { clock, connection, errors } = await online({ token });
    fail = true;
    await clock.advance(240_000);
    expect(errors.map(({ code }) => code)).toEqual(['token']);
    fail = false;
    await clock.advance(200);
    connection.take('login:R');
    const unavailable = { type: 'error', code: 'unavailable', message: '', re: { type: 'login:R' } };
    await connection.send(unavailable);
    await clock.advance(400);
    connection.take('login:R');
    const limits = { maxPacketBytes: 1, sendWindow: 1, receiveWindow: 1, ackTimeoutMs: 1, ratePerS: 1 };
    const at = (SERVER_NOW_S + 240) * 1000;
    await connection.send({ type: 'login:A', user: 'alice', device: 'default', session: 's1', at, limits });
    await clock.advance(5_000);
    connection.take('login:R');
    await connection.send(unavailable);
    await clock.advance(200); // the backoff began anew
    connection.take('login:R');
  });

  test('given as a string is not renewed; nor one that cannot be read', async () => {
    const fixed = await online({ token: jwt(SERVER_NOW_S + 100) });
    await fixed.clock.advance(200_000);
    expect(fixed.connection.received).toEqual([]);
    const opaque = await online({ token: () => 'not.a-jwt' });
    await opaque.clock.advance(200_000);
    expect(opaque.connection.received).toEqual([]);
  });
});

describe('reconnecting', () => {
  test.each([1000, 1001, 1006, 1009, 1012, 1013, 4408, 4413, 4429, 4999])(
    'happens after close %s',
    async (code) => {
      const { client, clock, connection, gateway } = await online();
      await connection.close(code);
      expect(client.status).toMatchObject({ state: 'waiting', code, retryInMs: 500 });
      await clock.advance(500);
      expect(gateway.connections.length).toBe(2);
    },
  );

  test.each([
    [4400, 'bad_packet'],
    [4401, 'unauthorized'],
    [4409, 'replaced'],
  ])('does not happen after close %s', async (code, reason) => {
    const { client, clock, connection, gateway } = await online();
    await connection.close(code);
    expect(client.status).toEqual({ state: 'closed', code, reason });
    await clock.advance(100_000);
    expect(gateway.connections.length).toBe(1);
    await expect(client.connected()).rejects.toMatchObject({ code: 'closed' });
  });

  test('does not happen after bye replaced', async () => {
    const { client, clock, connection, gateway } = await online();
    await connection.send({ type: 'bye', reason: 'replaced' });
    await connection.close(1006);
    await clock.advance(100_000);
    expect(client.status).toMatchObject({ state: 'closed', reason: 'replaced' });
    expect(gateway.connections.length).toBe(1);
  });

  test('happens after all when the caller asks for it, and nothing was lost meanwhile', async () => {
    const { client, connection, gateway } = await online();
    client.send('bob', 1, { id: 'm1' });
    await connection.close(4401);
    client.reconnect();
    const next = await comeOnline({ gateway });
    expect(next.takeIds()).toEqual(['m1']);
  });

  test('happens at once when the caller asks for it, instead of waiting; not beside a live connection', async () => {
    const { client, connection, gateway } = await online();
    client.reconnect();
    await settle();
    expect(gateway.connections.length).toBe(1);
    await connection.close(1006);
    client.reconnect();
    await settle();
    expect(gateway.connections.length).toBe(2);
  });

  test('backs off exponentially with full jitter, up to the longest pause', async () => {
    let random = 1;
    const { client, clock, gateway } = setup({ random: () => random });
    const pauses: number[] = [];
    for (let round = 0; round < 8; round++) {
      await settle();
      await gateway.last.close(1006);
      const { status } = client;
      const pause = status.state === 'waiting' ? status.retryInMs : -1;
      pauses.push(pause);
      await clock.advance(pause);
    }
    expect(pauses).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
    random = 0.25;
    await gateway.last.close(1006);
    expect(client.status).toMatchObject({ retryInMs: 7_500 });
  });

  test('only a connection that was online for 10 s resets the backoff', async () => {
    const { client, clock, gateway } = setup();
    const pauseAfter = async (onlineMs: number) => {
      const connection = await comeOnline({ gateway });
      await clock.advance(onlineMs);
      await connection.close(1006);
      const { status } = client;
      const pause = status.state === 'waiting' ? status.retryInMs : -1;
      await clock.advance(pause);
      return pause;
    };
    expect(await pauseAfter(0)).toBe(500);
    expect(await pauseAfter(9_999)).toBe(1_000);
    expect(await pauseAfter(10_000)).toBe(500);
    expect(await pauseAfter(0)).toBe(1_000);
  });

  test('tries several gateways in turn', async () => {
    const urls = ['ws://one/ws', 'ws://two/ws', 'ws://three/ws'];
    const { clock, gateway } = setup({ urls });
    for (let round = 0; round < 4; round++) {
      await settle();
      await gateway.last.close(1006);
      await clock.advance(4_000);
    }
    expect(gateway.connections.slice(0, 5).map(({ url }) => url)).toEqual([...urls, ...urls.slice(0, 2)]);
  });
});

describe('bye draining', () => {
  test('the client comes back at the time it was given, without backoff', async () => {
    const { client, clock, connection, gateway } = await online({ urls: ['ws://one/ws', 'ws://two/ws'] });
    await connection.send({ type: 'bye', reason: 'draining', reconnectAfterMs: 3_000 });
    await clock.advance(1_000);
    await connection.close(1012);
    expect(client.status).toMatchObject({ state: 'waiting', retryInMs: 2_000, reason: 'draining' });
    await clock.advance(1_999);
    expect(gateway.connections.length).toBe(1);
    await clock.advance(1);
    expect(gateway.last.url).toBe('ws://two/ws');
    await (await comeOnline({ gateway })).close(1006);
    expect(client.status).toMatchObject({ state: 'waiting', retryInMs: 500 }); // bye was for that one time
  });

  test('also when the gateway does not close', async () => {
    const { clock, connection, gateway } = await online();
    await connection.send({ type: 'bye', reason: 'draining', reconnectAfterMs: 3_000 });
    await clock.advance(3_000);
    expect(connection.closedByClient).toBe(1000);
    const next = await comeOnline({ gateway });
    await clock.advance(60_000);
    expect(gateway.last).toBe(next);
  });

  test('what was received before is still confirmed, and nothing new is begun', async () => {
    const { client, connection } = await online();
    let end: () => void = () => undefined;
    client.onMessage(() => new Promise<void>((resolve) => (end = resolve)));
    await connection.send({ type: 'msg:N', id: 'm1', from: 'bob', body: 1, at: 1 });
    await connection.send({ type: 'bye', reason: 'draining', reconnectAfterMs: 3_000 });
    await connection.mailbox({ more: true });
    client.send('bob', 1);
    end();
    await settle();
    expect(connection.received).toEqual([{ type: 'ack:R', id: 'm1', from: 'bob' }]);
  });
});

describe('a half-open connection', () => {
  const pings = { tuning: { pingIntervalMs: 25_000, pongTimeoutMs: 10_000 } };

  test('is noticed: a ping after 25 s without anything, the end after 10 s without an answer', async () => {
    const { client, clock, connection, gateway } = await online(pings);
    connection.dead = true;
    const message = client.send('bob', 1, { id: 'm1' });
    await clock.advance(34_999);
    expect(client.status.state).toBe('online');
    await clock.advance(1);
    expect(client.status).toMatchObject({ state: 'waiting', reason: 'silent' });
    await clock.advance(500);
    const next = await comeOnline({ gateway });
    expect(next.takeIds()).toEqual(['m1']);
    expect(message.state).toBe('sending');
  });

  test('a quiet one that answers is not', async () => {
    const { client, clock, connection } = await online(pings);
    for (let round = 0; round < 5; round++) {
      await clock.advance(25_000);
      connection.take('ping');
      await clock.advance(9_000);
      await connection.send({ type: 'pong' });
    }
    expect(client.status.state).toBe('online');
  });

  test('a busy one is not asked', async () => {
    const { clock, connection } = await online(pings);
    for (let round = 0; round < 10; round++) {
      await clock.advance(20_000);
      await connection.send({ type: 'something:new' });
    }
    expect(connection.received).toEqual([]);
  });
});

describe('what the server sends', () => {
  test('unknown packets and fields are ignored, and unreadable ones reported', async () => {
    const { client, connection, errors } = await online();
    const handed: unknown[] = [];
    client.onMessage((message) => handed.push(message));
    connection.raw('nonsense');
    connection.raw(new ArrayBuffer(2));
    await connection.send({ type: 'future:N', x: 1 }, { type: 'msg:N', id: 'm1' });
    await connection.send({ type: 'msg:N', id: 'm1', from: 'bob', body: 1, at: 1, emoji: true });
    expect(errors.map(({ code }) => code)).toEqual(['packet', 'packet', 'packet']);
    expect(handed).toEqual([{ id: 'm1', from: 'bob', body: 1, at: 1 }]);
    expect(client.status.state).toBe('online');
  });

  test('an error that names nothing is reported', async () => {
    const { connection, errors } = await online();
    await connection.send({ type: 'error', code: 'unauthorized', message: 'expired' });
    expect(errors).toMatchObject([
      { code: 'server', serverCode: 'unauthorized', message: 'unauthorized: expired' },
    ]);
  });

  test('an error of the connection does not fail a message', async () => {
    const { client, connection } = await online();
    const message = client.send('bob', 1, { id: 'm1' });
    await settle();
    await connection.send({
      type: 'error',
      code: 'unauthorized',
      message: '',
      re: { type: 'msg:R', id: 'm1' },
    });
    expect(message.state).toBe('sending');
  });
});

describe('storage', () => {
  test('that cannot be loaded closes the client', async () => {
    const storage = new MemoryStorage();
    storage.load = () => Promise.reject(new Error('locked'));
    const { client, gateway, errors } = setup({ storage });
    await expect(client.connected()).rejects.toMatchObject({ code: 'closed' });
    expect(client.status).toEqual({ state: 'closed', reason: 'storage' });
    expect(errors).toMatchObject([{ code: 'storage', cause: { message: 'locked' } }]);
    expect(gateway.connections.length).toBe(0);
  });

  test('of another user is not used: nothing is sent in the name of this one', async () => {
    const storage = new MemoryStorage();
    const alice = await online({ storage });
    alice.client.send('bob', 'from alice');
    await settle();
    const { client, clock, errors, gateway } = setup({ storage: storage.clone() });
    await settle();
    await gateway.last.open();
    const handed: unknown[] = [];
    client.onMessage((message) => handed.push(message));
    gateway.last.slowToClose = true;
    const login = gateway.last.login({ user: 'mallory', mailbox: false });
    await gateway.last.send({ type: 'msg:N', id: 'm1', from: 'bob', body: 1, at: 1 });
    await login;
    expect(gateway.last.received).toEqual([]);
    expect(handed).toEqual([]);
    await clock.advance(0);
    expect(client.status).toEqual({ state: 'closed', reason: 'owner' });
    expect(errors).toMatchObject([{ code: 'owner' }]);
  });
});

describe('the caller', () => {
  test.each([
    ['no gateway', { url: undefined as never }],
    ['an empty list of gateways', { urls: [] }],
    ['a device that breaks its rule', { device: 'a b' }],
  ])('is told at once of %s', (_what, options) => {
    expect(() => setup(options)).toThrow(TypeError);
  });

  test('sees every status', async () => {
    const { client, clock, gateway } = setup();
    const seen: string[] = [];
    const unsubscribe = client.onStatus(({ state }) => seen.push(state));
    await (await comeOnline({ gateway })).close(1006);
    await clock.advance(500);
    await gateway.last.close(4401);
    expect(seen).toEqual(['connecting', 'online', 'waiting', 'connecting', 'closed']);
    unsubscribe();
  });
});
