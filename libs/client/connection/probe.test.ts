import { describe, expect, test } from 'vitest';
import { settle } from '../testing/manual-clock.ts';
import { comeOnline, online, setup } from '../testing/setup.ts';

/** reconnect() where there is a connection already: it checks that the other end answers. */

const LOOK_MS = 3_000;
const pings = { tuning: { pingIntervalMs: 25_000, pongTimeoutMs: 10_000 } };

describe('reconnect()', () => {
  test('on a half-open connection: a ping, a short deadline, and a new connection at once', async () => {
    const { client, clock, connection, gateway } = await online(pings);
    const message = client.send('bob', 1, { id: 'm1' });
    await settle();
    client.reconnect();
    await settle();
    connection.take('ping');
    connection.dead = true;
    await clock.advance(LOOK_MS - 1);
    expect(client.status.state).toBe('online');
    await clock.advance(1);
    expect(client.status.state).toBe('connecting');
    expect(connection.terminated).toBe(true);
    const next = await comeOnline({ gateway });
    expect(next.takeIds()).toEqual(['m1']);
    expect(message.state).toBe('sending');
  });

  test('asked again and again, it does not put the deadline off', async () => {
    const { client, clock, connection } = await online(pings);
    connection.dead = true;
    for (let second = 0; second < 3; second++) {
      client.reconnect();
      await clock.advance(1_000);
    }
    expect(client.status.state).toBe('connecting');
  });

  test('shortens a ping that is out already', async () => {
    const { client, clock, connection } = await online(pings);
    connection.dead = true;
    await clock.advance(26_000);
    client.reconnect();
    await clock.advance(LOOK_MS);
    expect(client.status.state).toBe('connecting');
  });

  test('on a connection that works: it stays, and goes on as before', async () => {
    const { client, clock, connection, gateway } = await online(pings);
    for (let round = 0; round < 3; round++) {
      client.reconnect();
      await settle();
      connection.take('ping');
      await connection.send({ type: 'pong' });
      await clock.advance(LOOK_MS);
      expect(connection.received).toEqual([]);
    }
    expect(client.status.state).toBe('online');
    expect(gateway.connections.length).toBe(1);
    await clock.advance(25_000);
    connection.take('ping');
    await connection.send({ type: 'pong' });
    await connection.close(1006); // long after: that is no answer to reconnect() any more
    expect(client.status).toMatchObject({ state: 'waiting', retryInMs: 500 });
  });

  test('on a socket that does not open: the short deadline, then the next', async () => {
    const { client, clock, gateway } = setup({ urls: ['ws://one/ws', 'ws://two/ws'] });
    await settle();
    client.reconnect();
    await clock.advance(LOOK_MS);
    expect(gateway.connections.map(({ url }) => url)).toEqual(['ws://one/ws', 'ws://two/ws']);
    await comeOnline({ gateway });
  });

  test('on a login that is not answered: the short deadline, and no ping, which would be refused', async () => {
    const { client, clock, gateway } = setup();
    await settle();
    await gateway.last.open();
    client.reconnect();
    await settle();
    expect(gateway.last.received.map(({ type }) => type)).toEqual(['login:R']);
    await clock.advance(LOOK_MS);
    expect(gateway.connections.length).toBe(2);
  });
});

test('nothing but login:R is sent before login:A, however short the ping interval', async () => {
  const { clock, gateway } = setup({ tuning: { pingIntervalMs: 100, pongTimeoutMs: 100 } });
  await settle();
  await gateway.last.open();
  await clock.advance(5_000);
  expect(gateway.last.received.map(({ type }) => type)).toEqual(['login:R']);
  expect(gateway.connections.length).toBe(1);
});
