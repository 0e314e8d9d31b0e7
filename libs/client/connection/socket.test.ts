import { describe, expect, test } from 'vitest';
import { FakeGateway } from '../testing/fake-gateway.ts';
import { ManualClock, settle } from '../testing/manual-clock.ts';
import { comeOnline, nextConnection, online, setup } from '../testing/setup.ts';
import type { SocketConstructor, SocketLike } from './socket.ts';

/** Whatever a WebSocket does: said where it is worth saying, and the client gets its session all the same. */

type Bad = (socket: SocketLike) => Partial<Record<keyof SocketLike, unknown>>;

const fail = () => {
  throw new Error('x');
};

/** The fake gateway's WebSocket, whose first instance is bad. */
function firstIsBad(gateway: FakeGateway, bad: Bad): SocketConstructor {
  let first = true;
  const { WebSocket } = gateway;
  return class extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      if (first) Object.assign(this, bad(this));
      first = false;
    }
  };
}

function badWorld(bad: Bad) {
  const gateway = new FakeGateway();
  return { ...setup({ WebSocket: firstIsBad(gateway, bad) }), gateway };
}

const listeningFailsAt = (failing: string): Bad => {
  return (socket) => {
    const listen = socket.addEventListener.bind(socket) as (type: string, run: () => void) => void;
    return {
      addEventListener: (type: string, run: () => void) => {
        if (type === failing) fail();
        listen(type, run);
      },
    };
  };
};

describe('a WebSocket whose', () => {
  test.each<[string, Bad, string[]]>([
    ['send throws', () => ({ send: fail }), ['socket']],
    ['send and close throw', () => ({ send: fail, close: fail }), ['socket', 'socket']],
    [
      'send, close and terminate throw',
      () => ({ send: fail, close: fail, terminate: fail }),
      ['socket', 'socket', 'socket'],
    ],
    ['first listener is refused', listeningFailsAt('open'), ['socket']],
    ['last listener is refused', listeningFailsAt('close'), ['socket']],
    ['methods are missing', () => ({ addEventListener: undefined, close: undefined }), ['socket', 'socket']],
  ])('%s is given up and cut', async (_what, bad, said) => {
    const { client, clock, errors, gateway } = badWorld(bad);
    await settle();
    await gateway.last.open();
    expect(errors.map(({ code }) => code).sort()).toEqual(said);
    expect(client.status.state).toBe('waiting');
    const first = gateway.last;
    expect(first.terminated || said.length === 3).toBe(true);
    await clock.advance(500);
    await comeOnline({ gateway });
    await first.open(); // what comes of it later is not heard
    first.raw('nonsense');
    await first.close(4400);
    await clock.advance(20_000);
    expect(client.status.state).toBe('online');
    expect(errors.length).toBe(said.length);
  });

  test('close throws does not keep close() from ending', async () => {
    const { client, gateway } = badWorld(() => ({ close: fail }));
    await comeOnline({ gateway });
    await client.close();
    expect(client.status).toEqual({ state: 'closed', reason: 'by_caller' });
    expect(gateway.last.terminated).toBe(true);
  });

  test('send throws in the middle of a session: the next one sends everything', async () => {
    const { client, clock, connection, errors, gateway } = await online();
    let broken = false;
    const received = connection.fromClient.bind(connection);
    connection.fromClient = (text) => (broken ? fail() : received(text));
    broken = true;
    const messages = ['m1', 'm2', 'm3'].map((id) => client.send('bob', 1, { id }));
    await settle();
    expect(errors.map(({ code }) => code)).toEqual(['socket']);
    expect(client.status).toMatchObject({ state: 'waiting', reason: 'send_failed' });
    await clock.advance(500);
    expect((await comeOnline({ gateway })).takeIds()).toEqual(['m1', 'm2', 'm3']);
    expect(messages.map(({ state }) => state)).toEqual(['sending', 'sending', 'sending']);
  });
});

describe('a WebSocket that', () => {
  test('never opens, never closes and never answers a close is given up each time, and nothing is left', async () => {
    const { client, clock, gateway } = setup();
    for (let round = 0; round < 3; round++) {
      await nextConnection({ gateway, clock });
      gateway.last.dead = true;
    }
    await nextConnection({ gateway, clock });
    expect(gateway.connections.slice(0, -1).every(({ terminated }) => terminated)).toBe(true);
    await comeOnline({ gateway });
    expect(client.status.state).toBe('online');
  });

  test('opens twice logs in once; closes twice is one end', async () => {
    const { client, clock, gateway } = setup();
    await settle();
    await gateway.last.open();
    await gateway.last.open();
    expect(gateway.last.takeAll('login:R').length).toBe(1);
    await gateway.last.close(1006);
    await gateway.last.close(4409);
    expect(client.status).toMatchObject({ state: 'waiting', code: 1006 });
    await clock.advance(500);
    expect(gateway.connections.length).toBe(2);
  });

  test('opens after close() was called does not log in', async () => {
    const { client, clock, gateway } = setup();
    await settle();
    gateway.last.slowToClose = true;
    const closed = client.close({ flushMs: 0 });
    await clock.advance(0);
    await gateway.last.open();
    expect(gateway.last.received).toEqual([]);
    await clock.advance(1_000);
    await closed;
  });

  test.each([
    ['no event', undefined],
    ['an empty event', {}],
    ['a code that is no number', { code: '4400', reason: 7 }],
    ['NaN', { code: NaN, reason: null }],
  ])('closes with %s is taken for cut', async (_what, event) => {
    let close: ((event: unknown) => void) | undefined;
    const { client, clock, gateway } = badWorld((socket) => {
      const listen = socket.addEventListener.bind(socket) as (type: string, run: unknown) => void;
      return {
        addEventListener: (type: string, run: (event: unknown) => void) => {
          if (type === 'close') close = run;
          listen(type, run);
        },
      };
    });
    await settle();
    close?.(event);
    expect(client.status.state).toBe('waiting');
    await clock.advance(500);
    expect(gateway.connections.length).toBe(2);
  });

  test.each([undefined, null, 7, new ArrayBuffer(2), {}, '', '[]', 'null', '{"type":7}', '{"type":"bye"}'])(
    'brings %s as a packet is asked for better ones',
    async (data) => {
      const { client, connection, errors } = await online();
      connection.raw(data);
      expect(errors.map(({ code }) => code)).toEqual(['packet']);
      expect(client.status.state).toBe('online');
    },
  );

  test('cannot be made is tried again without end', async () => {
    const gateway = new FakeGateway();
    const { WebSocket } = gateway;
    let broken = true;
    const Moody = class extends WebSocket {
      constructor(url: string, protocols: string[]) {
        if (broken) fail();
        super(url, protocols);
      }
    };
    const clock = new ManualClock();
    const { client, errors } = setup({ WebSocket: Moody, clock });
    await clock.advance(3_600_000);
    expect(errors.length).toBeGreaterThan(80);
    broken = false;
    await nextConnection({ gateway, clock });
    await comeOnline({ gateway });
    expect(client.status.state).toBe('online');
  });
});
