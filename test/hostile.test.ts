import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { MAX_BAD_PACKETS } from '#libs/protocol/limits.ts';
import type { ServerPacket } from '#libs/protocol/server-packets.ts';
import { frame } from '../tools/fuzz/frames.ts';
import { troubleIn } from '../tools/fuzz/logs.ts';
import { request, UPGRADE, Wire } from '../tools/fuzz/wire.ts';
import { residentBytes } from './harness/cpu.ts';
import { connectAs, connectRaw, type RawClient } from './harness/raw-client.ts';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';
import { FRAMES } from './hostile/frames.ts';
import * as packets from './hostile/packets.ts';
import { REQUESTS, STALLS } from './hostile/requests.ts';

/**
 * Everything that somebody may send to a gateway and should not, against one that serves others meanwhile: each input
 * gets its typed answer, the others notice nothing, and nothing is left of it (G6, G7).
 */

const LOGIN_TIMEOUT_MS = 2_000;
/** How long something that must come may take on a machine that others keep busy. */
const PATIENCE_MS = 45_000;
/** Inputs at a time, each on a connection of its own. */
const AT_A_TIME = 12;
/** What a process may hold at the end beyond what it held at the beginning. */
const MEMORY_BYTES = 150 * 1024 * 1024;

let stack: Stack;
let gateway: ServiceHandle;
let services: ServiceHandle[];
let pids: number[];
let memory: number[];
let sockets: number;
let alice: RawClient;
let bob: RawClient;
/** Begun at once, since they take their time. */
let stalls: Promise<Outcome[]>;

type Outcome = readonly [what: string, outcome: string];

beforeAll(async () => {
  stack = await startStack({
    gateways: 1,
    env: { LOGIN_TIMEOUT_MS: String(LOGIN_TIMEOUT_MS) },
  });
  [gateway] = stack.gateways as [ServiceHandle];
  services = [...stack.gateways, ...stack.routing, ...stack.ack];
  alice = await connectAs(stack, gateway, 'alice');
  bob = await connectAs(stack, gateway, 'bob', { autoAck: true });
  await stillServes();
  pids = services.map(({ pid }) => pid);
  memory = pids.map(residentBytes);
  sockets = await openSockets();
  stalls = Promise.all(
    STALLS.map(async ([what, bytes, , more]) => [what, await stalled(bytes, more)] as const),
  );
});

afterAll(() => stack.stop());

afterEach(async () => {
  await stillServes();
  expect(services.map(({ pid, running }) => running && pid)).toEqual(pids);
  await until(async () => (await stack.metrics(gateway)).value('sixfold_connections') === 2, {
    what: 'the honest ones to be the only ones',
  });
});

/** Between two messages of the honest ones, milliseconds: they keep within their rate. */
const HONEST_PAUSE_MS = 12;

let sent = 0;
let sentAt = 0;
const sendHonest = () => alice.msg('bob', `honest-${++sent}`);

/** Sends a message of one honest user to the other, unless one just went, and does not wait. */
function trySomething(): void {
  if (Date.now() - sentAt < HONEST_PAUSE_MS) return;
  sentAt = Date.now();
  sendHonest();
}

async function stillServes(): Promise<void> {
  sendHonest();
  const id = `honest-${sent}`;
  await alice.next('ack:N', { id, state: 'delivered' });
  expect(alice.all('ack:N', { state: 'delivered' })).toHaveLength(sent);
  expect(bob.all('msg:N')).toHaveLength(sent);
}

async function openSockets(): Promise<number> {
  return (await stack.metrics(gateway)).value('nodejs_active_resources', { type: 'TCPSocketWrap' });
}

/** Runs so many at a time, with a message of the honest ones behind each. */
async function each<T>(inputs: readonly T[], run: (input: T) => Promise<Outcome[]>): Promise<Outcome[]> {
  const outcomes: Outcome[][] = [];
  const queue = [...inputs.entries()];
  const work = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      outcomes[next[0]] = await run(next[1]);
      trySomething();
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
  return outcomes.flat();
}

const expected = (
  inputs: readonly (readonly [string, unknown, string | number, ...unknown[]])[],
): Outcome[] => inputs.map(([what, , outcome]) => [what, String(outcome)]);

let users = 0;
const somebody = () => `user-${++users}`;

describe('a packet', () => {
  /** An error, by its code and the field that it names; or the type of the packet. */
  function told(packet: ServerPacket): string {
    if (packet.type !== 'error') return packet.type;
    const [, field] = /^(\w+): /.exec(packet.message) ?? [];
    return field === undefined ? packet.code : `${packet.code} ${field}`;
  }

  /** Sends packet after packet, each when the one before was answered. */
  async function answers(inputs: readonly packets.HostilePacket[]): Promise<Outcome[]> {
    const groups: packets.HostilePacket[][] = [];
    for (let n = 0; n < inputs.length; n += MAX_BAD_PACKETS - 1)
      groups.push(inputs.slice(n, n + MAX_BAD_PACKETS - 1));
    return each(groups, async (group) => {
      await using client = await connectAs(stack, gateway, somebody());
      const outcomes: Outcome[] = [];
      for (const [what, text] of group) {
        const before = client.packets.length;
        client.send(text);
        const isAnswer = ({ packet: { type } }: { packet: ServerPacket }) => type !== 'ack:N';
        const answer = await until(() => client.packets.slice(before).find(isAnswer), {
          what: `an answer to: ${what}`,
          intervalMs: 3,
        });
        if (answer) outcomes.push([what, told(answer.packet)]);
      }
      client.send({ type: 'ping' });
      await client.next('pong'); // the session goes on
      return outcomes;
    });
  }

  test.for(Object.entries(packets.FIELDS))('with something else for %s', async ([, inputs]) => {
    expect(await answers(inputs)).toEqual(expected(inputs));
  });

  test.for([
    ['is none', packets.NO_PACKETS],
    ['is of no type', packets.NO_TYPES],
    ['lacks something', packets.STRUCTURE],
    ['is odd, and fine', packets.FINE],
  ] as const)('that %s', async ([, inputs]) => {
    expect(await answers(inputs)).toEqual(expected(inputs));
  });

  test('with keys that name nothing has no effect', async () => {
    await using client = await connectAs(stack, gateway, somebody());
    for (const keys of packets.NO_KEY_OF_OURS) client.send({ type: 'offline:A', keys });
    expect(await client.pull()).toMatchObject({ messages: [], receipts: [], more: false });
    expect(client.all('error')).toEqual([]);
  });

  test.for([
    ['that is no login', packets.FIRST_PACKETS],
    ['with a token that plays tricks', packets.TOKENS],
  ] as const)('that comes first, %s', async ([, inputs]) => {
    const outcomes = await each(inputs, async ([what, text]) => {
      await using client = await connectRaw(gateway.url);
      client.send(text);
      const { code } = await client.next('error');
      return [[what, `${code} ${(await client.closed).code}`]];
    });
    expect(outcomes).toEqual(expected(inputs));
  });
});

/** A connection with an open WebSocket, not logged in. */
async function opened(): Promise<Wire> {
  const wire = new Wire(gateway.port);
  await wire.write(request(UPGRADE));
  await wire.settles(() => wire.status !== undefined, PATIENCE_MS);
  expect(wire.status).toBe(101);
  return wire;
}

const loginFrame = async (user: string) =>
  frame(JSON.stringify({ type: 'login:R', token: await stack.token(user) }));

test('a WebSocket that is used in every way that there is', async () => {
  const outcomes = await each(FRAMES, async ([what, pieces]) => {
    const wire = await opened();
    await wire.write(await loginFrame(somebody()));
    await wire.settles(() => wire.packets.length > 0, PATIENCE_MS);
    for (const piece of pieces) await wire.write(piece);
    const came = () => wire.packets.slice(1).map((text) => JSON.parse(text) as ServerPacket);
    const codes = () => new Set(came().map((one) => (one.type === 'error' ? one.code : one.type)));
    const ends = /^close|, close/.test(FRAMES.find(([name]) => name === what)?.[2] ?? '');
    await wire.settles(() => (ends ? wire.closeCode !== undefined : came().length > 0), PATIENCE_MS);
    const pongs = wire.pongs > 0 && !ends ? ['WebSocket pong'] : [];
    const close = wire.closeCode === undefined ? [] : [`close ${wire.closeCode}`];
    const answered = [...codes()].filter((code) => !ends || code !== 'pong');
    wire.destroy();
    return [[what, wire.fault ?? [...answered, ...pongs, ...close].join(', ')]];
  });
  expect(outcomes).toEqual(expected(FRAMES));
});

/** Sends a request as it is. @returns the status that it gets, or `none` when the connection ends without one */
async function statusOf(bytes: string, timeoutMs = PATIENCE_MS): Promise<string> {
  const wire = new Wire(gateway.port);
  await wire.write(bytes);
  return outcomeOf(wire, timeoutMs);
}

/** The same for a request that goes on, a few bytes at a time: a silent connection is cut off without an answer. */
async function stalled(bytes: string, more: string): Promise<string> {
  const wire = new Wire(gateway.port);
  await wire.write(bytes);
  const trickle = setInterval(() => void wire.write(more), 1_000);
  const outcome = await outcomeOf(wire, PATIENCE_MS);
  clearInterval(trickle);
  return outcome;
}

async function outcomeOf(wire: Wire, timeoutMs: number): Promise<string> {
  const settled = await wire.settles(() => wire.status !== undefined, timeoutMs);
  // What is refused is ended by us, whatever the client does; only a plain answer keeps the connection.
  const kept = wire.status === 101 || wire.status === 404;
  if (settled && !kept) await wire.settles(() => false, timeoutMs);
  const outcome = !settled
    ? 'silence'
    : !kept && !wire.ended
      ? 'an open connection'
      : (wire.status ?? 'none');
  wire.destroy();
  return String(outcome);
}

test('an upgrade that somebody else could take for something else', async () => {
  await stalls; // their refusals count, too
  const refusals = async () => (await stack.metrics(gateway)).value('sixfold_refused_total');
  const before = await refusals();
  const outcomes = await each(REQUESTS, async ([what, bytes]) => [[what, await statusOf(bytes)]]);
  expect(outcomes).toEqual(expected(REQUESTS));
  // Without an upgrade it is a request for a page.
  const pages = new Set(['no upgrade', 'an upgrade that the connection does not name']);
  const refused = REQUESTS.filter(([what, , status]) => Number(status) >= 400 && !pages.has(what));
  expect((await refusals()) - before).toBe(refused.length);
});

describe('a client that vanishes', () => {
  /** Where, and what it has sent until then. */
  const places: [string, (wire: Wire) => Promise<void>][] = [
    ['in the request line', (wire) => wire.write('GET /w')],
    ['in the headers', (wire) => wire.write(request(UPGRADE).slice(0, 60))],
    ['before the upgrade is answered', (wire) => wire.write(request(UPGRADE))],
    ['in a refused upgrade', (wire) => wire.write(request(UPGRADE).replace('/ws', '/x'))],
    ['between upgrade and login:R', ready],
    ['in the header of a frame', (wire) => ready(wire).then(() => wire.write(frame('x').subarray(0, 1)))],
    ['in a frame', (wire) => ready(wire).then(() => wire.write(frame('x'.repeat(100)).subarray(0, 50)))],
    ['in a packet of many frames', (wire) => ready(wire).then(() => wire.write(frame('{', { fin: false })))],
    ['between login:R and login:A', (wire) => ready(wire).then(() => login(wire))],
    [
      'in a login:R',
      (wire) => ready(wire).then(async () => wire.write((await loginFrame('x')).subarray(0, 99))),
    ],
    ['between msg:R and msg:A', (wire) => loggedIn(wire).then(() => wire.write(frame(MESSAGE)))],
    ['between ack:R and ack:A', (wire) => loggedIn(wire).then(() => wire.write(frame(ACK)))],
    [
      'in the close',
      (wire) => loggedIn(wire).then(() => wire.write(frame('', { opcode: 8 }).subarray(0, 3))),
    ],
    ['behind a frame that closes', (wire) => loggedIn(wire).then(() => wire.write(frame('', { opcode: 3 })))],
  ];
  const MESSAGE = '{"type":"msg:R","id":"m1","to":"nobody","body":1}';
  const ACK = '{"type":"ack:R","id":"m1","from":"nobody"}';

  async function ready(wire: Wire): Promise<void> {
    await wire.write(request(UPGRADE));
    await wire.settles(() => wire.status === 101, PATIENCE_MS);
  }
  const login = async (wire: Wire) => wire.write(await loginFrame(somebody()));
  async function loggedIn(wire: Wire): Promise<void> {
    await ready(wire);
    await login(wire);
    await wire.settles(() => wire.packets.length > 0, PATIENCE_MS);
  }

  test.for(['fin', 'reset'] as const)('with a %s, wherever that is', async (how) => {
    await each(places, async ([what, begin]) => {
      const wire = new Wire(gateway.port);
      await begin(wire);
      wire.end(how);
      await wire.gone;
      return [[what, 'gone']];
    });
    await until(async () => (await stack.metrics(gateway)).value('sixfold_sessions') === 2, {
      what: 'its session to go',
    });
  });
});

test('a login that takes too long ends with 4408, wherever it stands still', async () => {
  const outcomes = await each([0, 1, 50], async (bytes) => {
    const wire = await opened();
    await wire.write((await loginFrame('slow')).subarray(0, bytes));
    await wire.settles(() => wire.closeCode !== undefined, LOGIN_TIMEOUT_MS + PATIENCE_MS);
    wire.destroy();
    return [[`${bytes} bytes`, String(wire.closeCode)]];
  });
  expect(outcomes.map(([, code]) => code)).toEqual(['4408', '4408', '4408']);
});

test('a request that never ends is ended', async () => {
  expect(await stalls).toEqual(expected(STALLS));
});

test('nothing is left of all that', async () => {
  await until(async () => (await openSockets()) <= sockets, { what: 'the sockets to be closed' });
  for (const [n, pid] of pids.entries())
    expect(residentBytes(pid) - (memory[n] ?? 0), services[n]?.name).toBeLessThan(MEMORY_BYTES);
  for (const service of services) {
    expect((await stack.metrics(service)).value('sixfold_dead_total'), service.name).toBe(0);
    expect(troubleIn(service.spec.logFile), service.name).toEqual([]);
  }
});
