import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import {
  type Client,
  type ClientError,
  connect,
  type ConnectOptions,
  type IncomingMessage,
  type OutgoingMessage,
  type OutgoingState,
} from '#libs/client/index.ts';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';

/** Whatever packet is lost on the way: the application sees the message once, and its sender learns it (G1 to G3). */

const SOON = { baseMs: 300, maxMs: 1_000 };
const NEVER = { baseMs: 3_600_000, maxMs: 3_600_000 };

let stack: Stack;
let one: ServiceHandle;
let two: ServiceHandle;
/** A gateway that waits for ack:R only so long. */
let impatient: ServiceHandle;

beforeAll(async () => {
  stack = await startStack();
  [one, two] = stack.gateways as [ServiceHandle, ServiceHandle];
  impatient = await stack.addGateway({ ACK_TIMEOUT_MS: '400' });
});

afterAll(() => stack.stop());

/** The connections of one client: all packets that cross them, and the one that gets lost. */
class Wire {
  readonly sockets: WebSocket[] = [];
  readonly lost: string[] = [];
  readonly WebSocket: NonNullable<ConnectOptions['WebSocket']>;
  readonly #crossed: string[] = [];

  /** @param losing the first packet of this type does not arrive */
  constructor(losing?: string) {
    // eslint-disable-next-line @typescript-eslint/no-this-alias -- the class below has a `this` of its own
    const wire = this;
    const crosses = (text: string) => {
      const { type } = JSON.parse(text) as { type: string };
      if (type === losing && wire.lost.length === 0) {
        wire.lost.push(text);
        return false;
      }
      wire.#crossed.push(type);
      return true;
    };
    this.WebSocket = class extends WebSocket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols);
        wire.sockets.push(this);
      }
      override send(data: string): void {
        if (crosses(data)) super.send(data);
      }
      override emit(event: string | symbol, ...args: unknown[]): boolean {
        return event === 'message' && !crosses(String(args[0])) ? true : super.emit(event, ...args);
      }
    };
  }

  /** How many packets of this type arrived at the other end. */
  count(type: string): number {
    return this.#crossed.filter((other) => other === type).length;
  }
}

/** A client of ours that is closed with the test, and must not have had anything to complain about. */
async function join(
  user: string,
  gateway: ServiceHandle,
  wire: Wire,
  tuning: ConnectOptions['tuning'] = {},
): Promise<Client> {
  const client = connect({
    url: gateway.url,
    token: await stack.token(user),
    WebSocket: wire.WebSocket,
    tuning: { reconnect: { baseMs: 50, maxMs: 200 }, loginTimeoutMs: 500, pullTimeoutMs: 500, ...tuning },
  });
  const errors: ClientError[] = [];
  client.onError((error) => errors.push(error));
  onTestFinished(async () => {
    await client.close();
    expect(errors).toEqual([]);
  });
  await client.connected();
  return client;
}

/** What the application of a receiver is handed. */
function inboxOf(client: Client): string[] {
  const ids: string[] = [];
  client.onMessage(({ id }: IncomingMessage) => void ids.push(id));
  return ids;
}

function statesOf(message: OutgoingMessage): OutgoingState[] {
  const states = [message.state];
  message.onState(({ state }) => states.push(state));
  return states;
}

/** One more message through the same places: what was to come of the first one has come by then. */
async function expectOnly(alice: Client, to: string, inbox: string[], ...ids: string[]): Promise<void> {
  const marker = alice.send(to, 'marker');
  await marker.reached('delivered');
  expect(inbox).toEqual([...ids, marker.id]);
}

interface Loss {
  lose: string;
  /** How the message comes through all the same: by being sent again, or without it. */
  retransmit: typeof SOON;
  /** Least number of packets that arrive in the end, each at its receiver; more on a slow machine. */
  arrive: Record<string, number>;
  /** It waited in the mailbox. */
  stored: boolean;
}

const FORWARD: readonly OutgoingState[] = ['sending', 'sent', 'stored', 'delivered'];

/** Loses a packet of alice's wire or of bob's, and sees that the message comes through. */
async function survive(loss: Loss, at: 'alice' | 'bob', bobsGateway: ServiceHandle): Promise<void> {
  const name = `${loss.lose.replace(':', '-')}-${at}-${bobsGateway.name}`;
  const wires = { alice: new Wire(), bob: new Wire(), [at]: new Wire(loss.lose) };
  const alice = await join(`alice-${name}`, one, wires.alice, { retransmit: loss.retransmit });
  const bob = await join(`bob-${name}`, bobsGateway, wires.bob);
  const inbox = inboxOf(bob);
  const message = alice.send(`bob-${name}`, { lose: loss.lose });
  const states = statesOf(message);
  await message.reached('delivered');
  await until(() => wires[at].lost.length === 1, { what: `${loss.lose} to be lost` });
  expect(states).toEqual(FORWARD.filter((state) => states.includes(state))); // no step back
  expect(states.includes('stored')).toBe(loss.stored);
  for (const [type, least] of Object.entries(loss.arrive)) {
    const count = wires[type === 'msg:R' ? 'alice' : 'bob'].count(type);
    if (least === 0) expect(count, type).toBe(0);
    else expect(count, type).toBeGreaterThanOrEqual(least);
  }
  if (loss.retransmit === NEVER) expect(wires.alice.count('msg:R')).toBe(1);
  await expectOnly(alice, `bob-${name}`, inbox, message.id);
}

describe('a packet between sender and gateway is lost', () => {
  test.for<Loss>([
    { lose: 'msg:R', retransmit: SOON, arrive: { 'msg:R': 1, 'msg:N': 1 }, stored: false },
    // ack:N says more than msg:A, and it is on its way.
    { lose: 'msg:A', retransmit: NEVER, arrive: { 'msg:N': 1 }, stored: false },
    { lose: 'ack:N', retransmit: SOON, arrive: { 'msg:R': 2, 'msg:N': 2, 'ack:R': 2 }, stored: false },
  ])('$lose', (loss) => survive(loss, 'alice', two));

  test('all of them, for many messages at once', async () => {
    const wires = ['msg:R', 'msg:A', 'ack:N'].map((type) => new Wire(type));
    const bob = await join('bob-many', two, new Wire('ack:R'));
    const inbox = inboxOf(bob);
    const senders = await Promise.all(
      wires.map((wire, n) => join(`alice-many-${n}`, one, wire, { retransmit: SOON })),
    );
    const messages = senders.flatMap((sender, s) =>
      Array.from({ length: 50 }, (_, n) => sender.send('bob-many', n, { id: `s${s}-m${n}` })),
    );
    await Promise.all(messages.map((message) => message.reached('delivered')));
    const markers = senders.map((sender, s) => sender.send('bob-many', 'marker', { id: `s${s}-marker` }));
    await Promise.all(markers.map((marker) => marker.reached('delivered')));
    expect(inbox.toSorted()).toEqual([...messages, ...markers].map(({ id }) => id).toSorted());
  });
});

describe('a packet between gateway and receiver is lost', () => {
  test.for<Loss>([
    {
      lose: 'msg:N',
      retransmit: SOON,
      arrive: { 'msg:R': 2, 'msg:N': 1, 'offline:A': 0 },
      stored: false,
    },
    {
      lose: 'ack:R',
      retransmit: SOON,
      arrive: { 'msg:R': 2, 'msg:N': 2, 'offline:A': 0 },
      stored: false,
    },
    { lose: 'ack:A', retransmit: NEVER, arrive: { 'ack:R': 1, 'offline:A': 0 }, stored: false },
  ])('$lose: the sender sends again, where that is needed', (loss) => survive(loss, 'bob', two));

  test.for<Loss>([
    { lose: 'msg:N', retransmit: NEVER, arrive: { 'msg:N': 0, 'ack:R': 0, 'offline:A': 1 }, stored: true },
    { lose: 'ack:R', retransmit: NEVER, arrive: { 'msg:N': 1, 'ack:R': 0, 'offline:A': 1 }, stored: true },
  ])('$lose: it takes the way through the mailbox', (loss) => survive(loss, 'bob', impatient));
});

describe('a packet on the way to the mailbox is lost', () => {
  test.for(['login:R', 'login:A', 'offline:R', 'offline:N'])('%s', async (lose) => {
    const name = lose.replace(':', '-');
    const alice = await join(`alice-${name}`, one, new Wire(), { retransmit: NEVER });
    const message = alice.send(`bob-${name}`, { lose });
    await message.reached('stored');
    const wire = new Wire(lose);
    const bob = await join(`bob-${name}`, two, wire);
    const inbox = inboxOf(bob);
    await message.reached('delivered');
    expect(wire.lost).toHaveLength(1);
    await expectOnly(alice, `bob-${name}`, inbox, message.id);
  });

  test('offline:A: the entry comes again with the next connection, and nobody sees it twice', async () => {
    const alice = await join('alice-offline-A', one, new Wire(), { retransmit: NEVER });
    const message = alice.send('bob-offline-A', 'waits');
    await message.reached('stored');
    const wire = new Wire('offline:A');
    const bob = await join('bob-offline-A', two, wire);
    const inbox = inboxOf(bob);
    await until(() => wire.lost.length === 1, { what: 'offline:A to be lost' });
    expect(inbox).toEqual([message.id]);
    expect(message.state).toBe('stored');
    wire.sockets.at(-1)?.terminate();
    await message.reached('delivered');
    await expectOnly(alice, 'bob-offline-A', inbox, message.id);
  });
});
