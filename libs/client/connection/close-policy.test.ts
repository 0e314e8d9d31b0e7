import { describe, expect, test } from 'vitest';
import { settle } from '../testing/manual-clock.ts';
import { comeOnline, nextConnection, online, setup } from '../testing/setup.ts';
import { isFinalClose } from './close-codes.ts';

/** PROTOCOL: 4401 is final only for a token that was fetched for this very login. */

const refusal = { type: 'error', code: 'unauthorized', message: 'no', re: { type: 'login:R' } };

/** Tokens t1, t2, and so on. */
function counted() {
  let count = 0;
  return () => `t${++count}`;
}

/** Lets the newest connection open, and refuses its token. @returns the token */
async function refuse({ gateway }: Pick<ReturnType<typeof setup>, 'gateway'>): Promise<string> {
  await settle();
  await gateway.last.open();
  const { token } = gateway.last.take('login:R');
  await gateway.last.send(refusal);
  await gateway.last.close(4401);
  return token;
}

describe('the end of a session by expiry', () => {
  test('asks for a fresh token and a new connection, with backoff, as often as it comes', async () => {
    const { client, clock, gateway, connection } = await online({ token: counted() });
    await connection.send({ type: 'error', code: 'unauthorized', message: 'expired' });
    await connection.close(4401);
    expect(client.status).toEqual({ state: 'waiting', retryInMs: 500, reason: 'unauthorized', code: 4401 });
    for (const pause of [500, 1_000, 2_000, 4_000, 8_000]) {
      await clock.advance(pause);
      await (await comeOnline({ gateway })).close(4401);
      expect(client.status.state).toBe('waiting');
    }
  });

  test('is final for a token that was given as a string', async () => {
    const { client, connection } = await online({ token: 'string' });
    await connection.close(4401);
    expect(client.status).toEqual({ state: 'closed', code: 4401, reason: 'unauthorized' });
  });

  test('while the token endpoint is down: the client comes back when it is there again', async () => {
    let down = false;
    const token = () => {
      if (down) throw new Error('503');
      return 't';
    };
    const { client, clock, gateway, connection } = await online({ token });
    down = true;
    await connection.close(4401);
    await clock.advance(3_600_000);
    expect(client.status).toMatchObject({ state: 'waiting', reason: 'no_token' });
    expect(gateway.connections.length).toBe(1);
    down = false;
    await nextConnection({ gateway, clock });
    await comeOnline({ gateway });
    expect(client.status.state).toBe('online');
  });
});

describe('a refused token', () => {
  test('that was fetched for this login is final at the third in a row', async () => {
    const made = setup({ token: counted() });
    expect(await refuse(made)).toBe('t1');
    expect(made.client.status).toEqual({
      ...{ state: 'waiting', retryInMs: 500, reason: 'unauthorized', code: 4401 },
    });
    await made.clock.advance(500);
    expect(await refuse(made)).toBe('t2');
    await made.clock.advance(1_000);
    expect(await refuse(made)).toBe('t3');
    expect(made.client.status).toEqual({ state: 'closed', code: 4401, reason: 'unauthorized' });
    await made.clock.advance(3_600_000);
    expect(made.gateway.connections.length).toBe(3);
    made.client.reconnect(); // the caller may have found out why
    await refuse(made);
    expect(made.client.status.state).toBe('waiting');
  });

  test('one that is taken begins the count anew, a lost connection and a token that does not come do not', async () => {
    let fail = false;
    const token = counted();
    const made = setup({
      token: () => {
        if (fail) throw new Error('503');
        return token();
      },
    });
    await refuse(made);
    await made.clock.advance(500);
    await refuse(made);
    await made.clock.advance(1_000);
    const connection = await comeOnline(made);
    await connection.close(1006);
    await made.clock.advance(2_000);
    await refuse(made);
    await made.clock.advance(4_000);
    await refuse(made);
    fail = true;
    await made.clock.advance(8_000);
    fail = false;
    await made.clock.advance(16_000);
    await settle();
    await made.gateway.last.close(1006);
    await made.clock.advance(30_000);
    expect(made.client.status.state).toBe('connecting');
    await refuse(made);
    expect(made.client.status.state).toBe('closed');
  });

  test('that has become old over refusals for now is fetched anew, as often as it takes', async () => {
    const { client, clock, gateway } = setup({ token: counted() });
    for (let round = 0; round < 5; round++) {
      await settle();
      await gateway.last.open();
      const since = clock.now();
      while (clock.now() - since <= 10_000) {
        const unavailable = { type: 'error', code: 'unavailable', message: '', re: { type: 'login:R' } };
        if (gateway.last.takeAll('login:R').length > 0) await gateway.last.send(unavailable);
        await clock.advance(1_000);
      }
      await gateway.last.send(refusal);
      await gateway.last.close(4401);
      expect(client.status).toMatchObject({ state: 'waiting', code: 4401 });
      await nextConnection({ gateway, clock });
    }
  });

  test('of a renewal counts too: it was fetched for it', async () => {
    let count = 0;
    const jwt = () => `x.${btoa(JSON.stringify({ exp: 1_800_000_000 + 100 + ++count }))}.x`;
    const made = await online({ token: jwt });
    await made.clock.advance(41_000);
    made.connection.take('login:R');
    await made.connection.send(refusal);
    await made.connection.close(4401);
    expect(made.client.status.state).toBe('waiting');
    await made.clock.advance(500);
    await refuse(made);
    expect(made.client.status.state).toBe('waiting');
    await made.clock.advance(1_000);
    await refuse(made);
    expect(made.client.status.state).toBe('closed');
  });
});

describe('closes that this client does not know', () => {
  test.each([4400, 4402, 4403, 4409, 4410, 4449])('%s is final', (code) => {
    expect(isFinalClose(code)).toBe(true);
  });

  test.each([4399, 4408, 4413, 4429, 4450, 4499, 4500, 1000, 1006, 1013, 3000, 0, NaN])(
    'after %s it comes back',
    (code) => {
      expect(isFinalClose(code)).toBe(false);
    },
  );

  test('the client stays away after one of the range', async () => {
    const { client, clock, connection, gateway } = await online({ token: counted() });
    await connection.close(4431);
    await clock.advance(1_000_000);
    expect(client.status).toEqual({ state: 'closed', code: 4431, reason: 'closed (4431)' });
    expect(gateway.connections.length).toBe(1);
  });

  test('a bye of another reason is final without a time, not with one', async () => {
    const gone = await online();
    await gone.connection.send({ type: 'bye', reason: 'revoked' });
    expect(gone.client.status).toEqual({ state: 'closed', code: 4403, reason: 'revoked' });
    const back = await online();
    await back.connection.send({ type: 'bye', reason: 'rebalanced', reconnectAfterMs: 100 });
    await back.clock.advance(100);
    expect(back.gateway.connections.length).toBe(2);
  });
});
