import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { FakeGateway, type FakeConnection } from '../testing/fake-gateway.ts';
import { MemoryStorage } from '../storage/memory.ts';
import { connectTabs, type TabClient, type TabMessage, type TabMessageHandler } from './tabs.ts';

/** Tabs in one process: Node has Web Locks and BroadcastChannel, too. Crashes: in real browsers. */

const PATIENCE = { timeout: 20_000, interval: 5 };
const eventually = (is: () => boolean) => vi.waitUntil(is, PATIENCE);

class SharedStorage extends MemoryStorage {
  readonly name = `tabs ${Math.random()}`;
}

interface OpenTab {
  readonly client: TabClient;
  /** Gets the events of the page. */
  readonly page: EventTarget;
  readonly handled: string[];
  readonly mirrored: string[];
  readonly states: string[];
  /** Replaces the handler. */
  setHandler(handler: TabMessageHandler): void;
}

let gateway: FakeGateway;
let storage: SharedStorage;

beforeEach(() => {
  gateway = new FakeGateway();
  storage = new SharedStorage();
});
afterEach(() => vi.unstubAllGlobals());

function open(): OpenTab {
  const page = new EventTarget();
  vi.stubGlobal('document', page);
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page));
  const client = connectTabs({
    url: 'ws://one/ws',
    token: 'token',
    user: 'alice',
    WebSocket: gateway.WebSocket,
    storage,
  });
  const [handled, mirrored, states] = [[], [], []] as [string[], string[], string[]];
  let handler: TabMessageHandler = ({ id, mirrored: isMirror }) =>
    void (isMirror ? mirrored : handled).push(id);
  client.onMessage((message) => handler(message));
  client.onOutgoing(({ id, state }) => states.push(`${id} ${state}`));
  onTestFinished(() => client.close({ flushMs: 0 }));
  const setHandler = (next: TabMessageHandler) => void (handler = next);
  return { client, page, handled, mirrored, states, setHandler };
}

async function login(connections: number): Promise<FakeConnection> {
  await eventually(() => gateway.connections.length === connections);
  const { last } = gateway;
  await last.open();
  await last.login({ mailbox: false, limits: { maxReceivers: 100 } });
  await eventually(() => last.received.some(({ type }) => type === 'offline:R'));
  last.take('offline:R');
  await last.mailbox();
  return last;
}

/** Two tabs, of which the first leads. */
async function two(): Promise<{ first: OpenTab; second: OpenTab; connection: FakeConnection }> {
  const first = open();
  await eventually(() => first.client.leads);
  const second = open();
  const connection = await login(1);
  await Promise.all([first.client.connected(), second.client.connected()]);
  return { first, second, connection };
}

const isReceived = (connection: FakeConnection, type: string) => () =>
  connection.received.some((packet) => packet.type === type);

const message = (id: string) => ({
  type: 'msg:N',
  id,
  from: 'bob',
  body: { text: id },
  at: 1_800_000_000_001,
});

test('several tabs have one connection, and each knows its state', async () => {
  const { first, second } = await two();
  expect([first.client.leads, second.client.leads]).toEqual([true, false]);
  expect(second.client.status).toEqual(first.client.status);
  expect(gateway.connections).toHaveLength(1);
});

test('a message that another tab sends is in the storage before it goes out, and every tab sees its states', async () => {
  const { first, second, connection } = await two();
  const sent = second.client.send('bob', { text: 'hello' }, { id: 'm1' });
  await eventually(isReceived(connection, 'msg:R'));
  expect((await storage.load()).outbox).toMatchObject([{ id: 'm1', bodyText: '{"text":"hello"}' }]);
  expect(connection.take('msg:R')).toMatchObject({ id: 'm1', to: 'bob', body: { text: 'hello' } });
  await connection.send({ type: 'msg:A', id: 'm1', at: 5 });
  expect(await sent.accepted()).toBe('sent');
  expect(first.client.outbox()).toMatchObject([{ id: 'm1', to: 'bob', state: 'sent' }]);
  await connection.send({ type: 'ack:N', id: 'm1', to: 'bob', state: 'delivered', at: 6 });
  expect(await sent.settled()).toBe('delivered');
  expect(second.states).toEqual(['m1 sent', 'm1 delivered']);
  expect(first.states).toEqual(['m1 sent', 'm1 delivered']);
  expect(second.client.outbox()).toEqual([]);
});

test('the handler of the leader gets a message, the others a mirror; it is confirmed once', async () => {
  const { first, second, connection } = await two();
  await connection.send(message('m1'));
  await eventually(isReceived(connection, 'ack:R'));
  await eventually(() => second.mirrored.length === 1);
  expect([first.handled, first.mirrored, second.handled]).toEqual([['m1'], [], []]);
  expect(connection.takeAll('ack:R')).toHaveLength(1);
});

test('when the leader closes, the next one takes over, with what was not accepted', async () => {
  const { first, second, connection } = await two();
  const sent = second.client.send('bob', 1, { id: 'm1' });
  await eventually(isReceived(connection, 'msg:R'));
  await first.client.close({ flushMs: 0 });
  const next = await login(2);
  await second.client.connected();
  expect(second.client.leads).toBe(true);
  await eventually(isReceived(next, 'msg:R'));
  expect(next.takeIds()).toEqual(['m1']);
  await next.send({ type: 'msg:A', id: 'm1', at: 5 });
  expect(await sent.accepted()).toBe('sent');
  await next.send(message('m2'));
  await eventually(() => second.handled.length === 1);
  expect(() => first.client.send('bob', 1)).toThrow('closed');
});

test('a frozen leader lets go at once, and follows when it wakes up', async () => {
  const { first, second } = await two();
  const third = open(); // frozen in the queue, it must not become the leader
  third.page.dispatchEvent(new Event('freeze'));
  first.page.dispatchEvent(new Event('freeze'));
  expect(first.client.leads).toBe(false);
  await eventually(() => second.client.leads);
  const next = await login(2);
  await second.client.connected();
  first.page.dispatchEvent(new Event('resume'));
  await first.client.connected();
  expect([first.client.leads, second.client.leads, third.client.leads]).toEqual([false, true, false]);
  await next.send(message('m2'));
  await eventually(() => first.mirrored.includes('m2'));
  expect(second.handled).toEqual(['m2']);
});

test('what a leader was doing when it was frozen writes nothing when it wakes up', async () => {
  const { first, second, connection } = await two();
  let finish = () => undefined as unknown;
  first.setHandler(({ id }) => {
    first.handled.push(id);
    return new Promise((resolve) => (finish = () => resolve(undefined)));
  });
  const taken = new Promise<TabMessage>((resolve) =>
    second.setHandler((one) => {
      if (!one.mirrored) resolve(one);
      return new Promise(() => undefined); // never
    }),
  );
  await connection.send(message('m1'));
  await eventually(() => first.handled.length === 1);
  first.page.dispatchEvent(new Event('freeze'));
  expect(await taken).toMatchObject({ id: 'm1', again: true });
  finish();
  await first.client.close({ flushMs: 0 });
  expect(await storage.seen([{ from: 'bob', id: 'm1' }])).toEqual([false]);
  expect((await storage.load()).inbox).toMatchObject([{ id: 'm1' }]);
});

test('what a tab asked of a leader that went is asked of the next', async () => {
  const first = open();
  await eventually(() => gateway.connections.length === 1);
  const second = open();
  const sent = second.client.send('bob', 1, { id: 'm1' });
  second.client.markRead({ from: 'bob', id: 'm0', read: 'proof' });
  first.page.dispatchEvent(new Event('freeze')); // before it has heard of it
  const next = await login(2);
  await eventually(isReceived(next, 'msg:R'));
  await eventually(isReceived(next, 'read:R'));
  expect(next.takeIds()).toEqual(['m1']);
  await next.send({ type: 'msg:A', id: 'm1', at: 5 });
  expect(await sent.accepted()).toBe('sent');
});

test('cancel and retry reach the leader from any tab', async () => {
  const first = open();
  await eventually(() => first.client.leads);
  const second = open();
  const sent = second.client.send('bob', 1, { id: 'm1' });
  await eventually(() => first.client.outbox().length === 1);
  sent.cancel();
  await eventually(() => sent.state === 'failed');
  expect(sent.reason).toBe('cancelled');
});

test('signing out in one tab ends all of them', async () => {
  const { first, second } = await two();
  await second.client.signOut();
  await eventually(() => first.client.status.state === 'closed');
  expect(first.client.status).toEqual({ state: 'closed', reason: 'signed_out' });
  expect(second.client.status).toEqual({ state: 'closed', reason: 'signed_out' });
  expect(gateway.connections).toHaveLength(1);
});

test('without Web Locks, a tab whose storage is refused says so and does not connect', async () => {
  vi.stubGlobal('navigator', {});
  const first = open();
  await login(1);
  await first.client.connected();
  storage.load = () => Promise.reject(new Error('in use'));
  const second = open();
  const errors: string[] = [];
  second.client.onError(({ code }) => errors.push(code));
  await eventually(() => second.client.status.state === 'closed');
  expect(second.client.status).toEqual({ state: 'closed', reason: 'storage' });
  expect(errors).toEqual(['storage']);
  expect(gateway.connections).toHaveLength(1);
  expect(first.client.status.state).toBe('online');
});

test('signing out fails where the client cannot go on, and says so', async () => {
  storage.load = () => Promise.reject(new Error('broken'));
  const first = open();
  first.client.onError(() => undefined);
  const second = open();
  await eventually(() => second.client.status.state === 'closed');
  await expect(second.client.signOut()).rejects.toMatchObject({ code: 'closed' });
});

test('a wrong option is refused at once', () => {
  expect(() => connectTabs({ token: 'token', storage })).toThrow('url: is missing');
});
