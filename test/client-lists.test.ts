import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import {
  type Client,
  type ConnectOptions,
  connect,
  type IncomingMessage,
  type SocketLike,
} from '#libs/client/index.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';

/** The client library's lists, threads and times to live, on real servers. */

let stack: Stack;

beforeAll(async () => {
  stack = await startStack({ env: { RETENTION_SWEEP_MS: '1000' } });
});

afterAll(() => stack.stop());

let users = 0;
const someone = (name: string) => `${name}-${++users}`;

async function online(user: string, options: Partial<ConnectOptions> = {}): Promise<Client> {
  const client = connect({
    ...{ urls: stack.gateways.map(({ url }) => url), token: await stack.token(user) },
    ...options,
  });
  onTestFinished(() => client.close({ flushMs: 0 }));
  await client.connected();
  return client;
}

async function receiver(user: string): Promise<IncomingMessage[]> {
  const client = await online(user);
  const got: IncomingMessage[] = [];
  client.onMessage((message) => got.push(message));
  return got;
}

describe('a list', () => {
  test('half of whose receivers are away: each has a state of its own, and gets it once', async () => {
    const here = [someone('here'), someone('here')];
    const away = [someone('away'), someone('away')];
    const got = await Promise.all(here.map(receiver));
    const alice = await online(someone('alice'));
    const message = alice.send([...here, ...away], 'party', { thread: 'group:1', seq: 3 });
    await message.reached('stored');
    expect(message.receivers.map(({ state }) => state)).toEqual([
      'delivered',
      'delivered',
      'stored',
      'stored',
    ]);
    expect(message.state).toBe('stored');
    got.push(...(await Promise.all(away.map(receiver))));
    expect(await message.settled()).toBe('delivered');
    const expected = { id: message.id, body: 'party', seq: 3, thread: 'group:1' };
    for (const messages of got) expect(messages).toMatchObject([expected]);
  });

  test('survives a connection that is lost before its receipts come', async () => {
    const to = [someone('bob'), someone('carol'), someone('dave')];
    const got = await Promise.all(to.map(receiver));
    const tuning = { retransmit: { baseMs: 300, maxMs: 2_000 }, reconnect: { baseMs: 50, maxMs: 500 } };
    let lost = 0;
    /** Loses every receipt of its first connections, and then the connection. */
    class Lossy implements SocketLike {
      readonly #socket: WebSocket;
      constructor(url: string, protocols: string[]) {
        this.#socket = new WebSocket(url, protocols);
      }
      addEventListener(type: string, run: (event: never) => void): void {
        this.#socket.addEventListener(type, (event) => {
          const isReceipt = event instanceof MessageEvent && String(event.data).includes('"ack:N"');
          if (isReceipt && lost < 3) {
            lost++;
            this.#socket.close();
          } else run(event as never);
        });
      }
      send(text: string): void {
        this.#socket.send(text);
      }
      close(): void {
        this.#socket.close();
      }
    }
    const alice = await online(someone('alice'), { WebSocket: Lossy, tuning });
    expect(await alice.send(to, 1).settled()).toBe('delivered');
    expect(lost).toBeGreaterThan(0);
    for (const messages of got) expect(messages.length).toBe(1);
  });
});

test(
  'a message with a ttl that nobody takes is rejected, and its sender told',
  { timeout: 150_000 },
  async () => {
    const bob = someone('bob');
    const alice = await online(someone('alice'));
    const message = alice.send(bob, 'call', { ttl: 1 });
    await message.reached('stored');
    await until(() => message.state === 'rejected', { what: 'it expires', timeoutMs: 90_000 });
    expect(message.reason).toBe('expired');
    const late = await receiver(bob);
    expect(late).toEqual([]);
  },
);
