import { describe, expect, test } from 'vitest';
import type { IncomingMessage } from '../incoming/message.ts';
import { MemoryStorage } from './memory.ts';
import { ManualClock, settle } from '../testing/manual-clock.ts';
import { comeOnline, online, setup, type TestSetup } from '../testing/setup.ts';

type Method = 'load' | 'write' | 'seen' | 'trimSeen' | 'close';
type Fault = 'throws' | 'rejects' | 'hangs' | 'is late' | 'answers nonsense';

const LATE_MS = 15_000;
const NONSENSE: Record<Method, unknown[]> = {
  load: [
    undefined,
    7,
    {},
    { outbox: [], inbox: 'x' },
    { outbox: [{ n: 2 }], inbox: [] },
    { owner: 1, outbox: [], inbox: [] },
  ],
  write: ['x'],
  seen: [undefined, [], ['no'], [false, false]],
  trimSeen: [7],
  close: ['x'],
};

const never = () => new Promise<never>(() => undefined);

/** A storage with a fault that can be healed. */
function faulty(method: Method, fault: Fault, nonsense?: unknown) {
  const storage = new MemoryStorage();
  const original = storage[method].bind(storage) as (...args: unknown[]) => Promise<never>;
  const clock = new ManualClock();
  const heal = () => Object.assign(storage, { [method]: original });
  const faults: Record<Fault, (...args: unknown[]) => Promise<never>> = {
    throws: () => {
      throw new Error('thrown');
    },
    rejects: () => Promise.reject(new Error('rejected')),
    hangs: never,
    'is late': (...args) =>
      new Promise((resolve, reject) => {
        clock.setTimeout(() => void original(...args).then(resolve, reject), LATE_MS);
      }),
    'answers nonsense': () => Promise.resolve(nonsense as never),
  };
  return { storage, heal, clock, hurt: () => Object.assign(storage, { [method]: faults[fault] }) };
}

async function closes({ client, clock }: TestSetup): Promise<void> {
  let closed = false;
  void client.close({ flushMs: 0 }).then(() => (closed = true));
  await clock.advance(5_000);
  expect(closed).toBe(true);
  expect(clock.pending).toBe(0);
}

const codes = ({ errors }: TestSetup) => [...new Set(errors.map(({ code }) => code))];

describe('load()', () => {
  const fails: [Fault, unknown][] = [
    ['throws', undefined],
    ['rejects', undefined],
    ...NONSENSE.load.map((value): [Fault, unknown] => ['answers nonsense', value]),
  ];
  test.each(fails)('%s %j: send() throws, and reconnect() opens it anew', async (fault, nonsense) => {
    const { storage, hurt, heal } = faulty('load', fault, nonsense);
    hurt();
    const made = setup({ storage });
    const early = made.client.send('bob', 1, { id: 'early' });
    await settle();
    expect(made.client.status).toEqual({ state: 'closed', reason: 'storage' });
    expect(early).toMatchObject({ state: 'failed', reason: 'storage' });
    expect(() => made.client.send('bob', 1)).toThrow('closed');
    await expect(early.settled()).rejects.toMatchObject({ reason: 'storage' });
    expect(codes(made)).toEqual(['storage']);
    made.client.reconnect();
    await settle();
    expect(made.client.status).toEqual({ state: 'closed', reason: 'storage' });
    heal();
    made.client.reconnect();
    made.client.reconnect();
    const connected = made.client.connected();
    expect(early.retry()).toBe(true);
    const late = made.client.send('bob', 1, { id: 'late' });
    const connection = await comeOnline(made);
    await connected;
    expect(connection.takeIds()).toEqual(['early', late.id]);
    expect(made.gateway.connections.length).toBe(1);
  });

  test('hangs: onError is told, and close() ends', async () => {
    const { storage, hurt } = faulty('load', 'hangs');
    hurt();
    const made = setup({ storage });
    const message = made.client.send('bob', 1);
    await made.clock.advance(LATE_MS);
    expect(codes(made)).toEqual(['storage']);
    expect(made.client.status.state).toBe('connecting');
    await closes(made);
    expect(message).toMatchObject({ state: 'failed', reason: 'storage' });
  });

  test('is late: the client goes on, or frees it when it was closed meanwhile', async () => {
    for (const isClosed of [false, true]) {
      const { storage, hurt, clock } = faulty('load', 'is late');
      let closed = 0;
      storage.close = () => {
        closed++;
        return Promise.resolve();
      };
      hurt();
      const made = setup({ storage, clock });
      made.client.send('bob', 1, { id: 'm1' });
      await settle();
      if (isClosed) void made.client.close({ flushMs: 0 });
      await made.clock.advance(LATE_MS);
      if (isClosed) expect([closed, made.gateway.connections]).toEqual([2, []]);
      else expect((await comeOnline(made)).takeIds()).toEqual(['m1']);
    }
  });
});

test('taken away while it is open: the client closes, and says why', async () => {
  const storage = new MemoryStorage();
  const [load, cause] = [storage.load.bind(storage), new Error('gone')];
  let lose = () => undefined as unknown;
  storage.load = (lost?: (cause: unknown) => void) => {
    lose = () => lost?.(cause);
    return load();
  };
  const made = await online({ storage });
  lose();
  await settle();
  expect(made.client.status).toEqual({ state: 'closed', reason: 'storage' });
  expect(() => made.client.send('bob', 1)).toThrow('closed');
  expect(made.errors).toMatchObject([{ code: 'storage', cause }]);
});

describe('write()', () => {
  test.each(['throws', 'rejects'] as const)(
    '%s: nothing is sent, and the next one is tried',
    async (fault) => {
      const { storage, hurt, heal } = faulty('write', fault);
      const made = await online({ storage });
      hurt();
      const message = made.client.send('bob', 1, { id: 'm1' });
      await settle();
      expect(message).toMatchObject({ state: 'failed', reason: 'storage' });
      expect(codes(made)).toEqual(['storage']);
      heal();
      made.client.send('bob', 1, { id: 'm2' });
      await settle();
      expect(made.connection.takeIds()).toEqual(['m2']);
      expect((await storage.load()).outbox).toMatchObject([{ id: 'm2' }]);
    },
  );

  test('hangs: nothing is sent, onError is told, and close() ends', async () => {
    const { storage, hurt } = faulty('write', 'hangs');
    const made = await online({ storage });
    hurt();
    const message = made.client.send('bob', 1);
    const settled = expect(message.settled()).rejects.toMatchObject({ code: 'closed' });
    await made.clock.advance(LATE_MS);
    expect(made.connection.takeIds()).toEqual([]);
    expect(codes(made)).toEqual(['storage']);
    await closes(made);
    await settled;
  });

  test('is late: it is sent then; an answer that is no promise of anything counts as an answer', async () => {
    for (const fault of ['is late', 'answers nonsense'] as const) {
      const { storage, hurt, clock } = faulty('write', fault, NONSENSE.write[0]);
      const made = await online({ storage, clock });
      hurt();
      made.client.send('bob', 1, { id: 'm1' });
      await made.clock.advance(fault === 'is late' ? LATE_MS : 0);
      expect(made.connection.takeIds()).toEqual(['m1']);
    }
  });

  test('what was given up while it failed does not go out in the next run', async () => {
    const { storage, hurt, heal } = faulty('write', 'rejects');
    const made = setup({ storage });
    const message = made.client.send('bob', 1, { id: 'm1' });
    await made.clock.advance(3_000);
    expect((await storage.load()).outbox).toMatchObject([{ id: 'm1' }]);
    hurt();
    expect(message.cancel()).toBe(true);
    await settle();
    heal();
    await closes(made);
    expect((await storage.load()).outbox).toEqual([]);
  });
});

describe('seen()', () => {
  const cases: [Fault, unknown][] = [
    ['throws', undefined],
    ['rejects', undefined],
    ['hangs', undefined],
    ...NONSENSE.seen.map((value): [Fault, unknown] => ['answers nonsense', value]),
  ];
  test.each(cases)('%s %j: the server keeps the message, and brings it again', async (fault, nonsense) => {
    const { storage, hurt, heal } = faulty('seen', fault, nonsense);
    const made = await online({ storage, tuning: { pongTimeoutMs: 1e9 } });
    const handed: IncomingMessage[] = [];
    made.client.onMessage((message) => handed.push(message));
    hurt();
    const message = { type: 'msg:N', id: 'm1', from: 'bob', body: 1, at: 1 };
    await made.connection.send(message);
    await made.clock.advance(LATE_MS);
    expect(handed).toEqual([]);
    expect(made.connection.takeAll('ack:R')).toEqual([]);
    expect(codes(made)).toEqual(['storage']);
    heal();
    await made.connection.send(message, message);
    expect(handed.length).toBe(1);
    expect(made.connection.takeAll('ack:R').length).toBeGreaterThanOrEqual(1);
  });
});

describe('trimSeen()', () => {
  const told: [Fault, string[]][] = [
    ['throws', ['storage']],
    ['rejects', ['storage']],
    ['hangs', ['storage']],
    ['is late', ['storage']],
    ['answers nonsense', []],
  ];
  test.each(told)('%s: messages are delivered, and close() ends', async (fault, errors) => {
    const { storage, hurt, clock } = faulty('trimSeen', fault, NONSENSE.trimSeen[0]);
    hurt();
    const made = setup({ storage, clock });
    const handed: IncomingMessage[] = [];
    made.client.onMessage((message) => handed.push(message));
    const connection = await comeOnline(made);
    await connection.send({ type: 'msg:N', id: 'm1', from: 'bob', body: 1, at: 1 });
    await made.clock.advance(LATE_MS);
    expect(handed.length).toBe(1);
    expect(codes(made)).toEqual(errors);
    await closes(made);
  });
});

describe('close()', () => {
  const told: [Fault, string[]][] = [
    ['throws', ['storage']],
    ['rejects', ['storage']],
    ['hangs', ['storage']],
    ['answers nonsense', []],
  ];
  test.each(told)('%s: the close() of the client ends', async (fault, errors) => {
    const { storage, hurt } = faulty('close', fault, NONSENSE.close[0]);
    hurt();
    const made = await online({ storage });
    await closes(made);
    expect(codes(made)).toEqual(errors);
  });
});
