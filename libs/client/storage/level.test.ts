import { ClassicLevel } from 'classic-level';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { settle } from '../testing/manual-clock.ts';
import { comeOnline, setup } from '../testing/setup.ts';
import type { StoredOutgoing } from '../storage.ts';
import { describeStorage } from './contract.ts';
import { LevelStorage } from './level.ts';

// Real disks, and a child process.
vi.setConfig({ testTimeout: 30_000 });
const PATIENCE = { timeout: 20_000 };

async function directory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'sixfold-level-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

async function loaded(path: string): Promise<LevelStorage> {
  const storage = new LevelStorage(path);
  onTestFinished(() => storage.close());
  await storage.load();
  return storage;
}

describeStorage('LevelStorage', async () => {
  const path = await directory();
  const storage = await loaded(path);
  return {
    storage,
    reopen: async () => {
      await storage.close();
      const again = new LevelStorage(path);
      onTestFinished(() => again.close());
      return again;
    },
  };
});

test('reads what a client of version 0.2 left, and goes on with it', async () => {
  const path = await directory();
  const level = new ClassicLevel(path);
  const old: Record<string, string> = {
    owner: 'alice',
    'out/0000000000000007': '{"n":7,"id":"m7","to":"bob","bodyText":"1","seq":2}',
    'out/0000000000000008': '{"n":8,"id":"m8","to":"carol","bodyText":"2"}',
    'acc/0000000000000007': '1800000000000',
    'in/0000000000000003': '{"from":"bob","id":"i3","body":[1],"at":5,"n":3}',
    'seen/bob/i1': '1',
    'ord/0000000000000001': '["bob","i1",4]',
  };
  await level.batch(Object.entries(old).map(([key, value]) => ({ type: 'put', key, value })));
  await level.close();
  const storage = new LevelStorage(path);
  expect(await storage.load()).toMatchObject({
    owner: 'alice',
    outbox: [
      { n: 7, id: 'm7', to: 'bob', bodyText: '1', seq: 2, acceptedAt: 1_800_000_000_000 },
      { n: 8, id: 'm8', to: 'carol', bodyText: '2' },
    ],
    inbox: [{ n: 3, from: 'bob', id: 'i3', body: [1], at: 5 }],
  });
  expect(await storage.seen([{ from: 'bob', id: 'i1' }])).toEqual([true]);
  await storage.close();
  const made = setup({ storage: new LevelStorage(path), user: 'alice' });
  await vi.waitUntil(() => made.client.outbox().length === 2, PATIENCE);
  expect(made.client.outbox()).toMatchObject([
    { id: 'm7', state: 'sent', receivers: [{ to: 'bob', state: 'sent' }] },
    { id: 'm8', state: 'sending' },
  ]);
});

test('a second client cannot open the same directory', async () => {
  const path = await directory();
  await loaded(path);
  const second = new LevelStorage(path);
  await expect(second.load()).rejects.toMatchObject({ cause: { code: 'LEVEL_LOCKED' } });
});

test('a client whose storage another one holds says so, and goes on once that one lets go', async () => {
  const path = await directory();
  const holder = await loaded(path);
  const { client, errors, gateway, clock } = setup({ storage: new LevelStorage(path) });
  client.onError((error) => errors.push(error));
  const early = client.send('bob', 1);
  const refused = expect(early.settled()).rejects.toMatchObject({ code: 'send', reason: 'storage' });
  await vi.waitUntil(() => client.status.state === 'closed', PATIENCE);
  expect(client.status).toEqual({ state: 'closed', reason: 'storage' });
  expect(errors[0]).toMatchObject({ code: 'storage', cause: { cause: { code: 'LEVEL_LOCKED' } } });
  expect(() => client.send('bob', 1)).toThrow('closed');
  await refused;
  await holder.close();
  client.reconnect();
  const message = client.send('bob', 2, { id: 'm2' });
  await vi.waitUntil(() => gateway.connections.length > 0, PATIENCE);
  const connection = await comeOnline({ gateway });
  await vi.waitUntil(() => connection.received.length > 0, PATIENCE);
  expect(connection.takeIds()).toEqual(['m2']);
  const closing = client.close({ flushMs: 0 });
  await vi.waitUntil(() => clock.pending > 0 || connection.closedByClient !== undefined, PATIENCE);
  await clock.advance(1);
  await closing;
  expect(message.state).toBe('sending');
  expect((await (await loaded(path)).load()).outbox).toMatchObject([{ id: 'm2' }]);
});

test('a client that trims it can be closed at any moment', async () => {
  const storage = await loaded(await directory());
  const errors: unknown[] = [];
  await storage.write(
    Array.from({ length: 5000 }, (_, n) => ({ do: 'seen.add', from: 'bob', id: `m${n}`, seenAt: n })),
    'relaxed',
  );
  await storage.close();
  const { client, gateway } = setup({ storage, tuning: { seen: { keepCount: 1, keepMs: 1 } } });
  client.onError((error) => errors.push(error));
  while (gateway.connections.length === 0) await settle();
  await gateway.last.open();
  await gateway.last.login();
  await client.close();
  expect(errors).toEqual([]);
  await storage.load();
  expect(
    await storage.seen([
      { from: 'bob', id: 'm4998' },
      { from: 'bob', id: 'm4999' },
    ]),
  ).toEqual([false, true]);
});

test('can be loaded again after it was closed', async () => {
  const storage = await loaded(await directory());
  await storage.write([{ do: 'owner.set', user: 'alice' }], 'strict');
  await storage.close();
  expect(await storage.load()).toMatchObject({ owner: 'alice' });
});

test.each(['strict', 'relaxed'])(
  'a %s write survives the kill -9 of the process, whole',
  async (durability) => {
    const path = await directory();
    const program = `
    import { LevelStorage } from ${JSON.stringify(join(import.meta.dirname, 'level.ts'))};
    const storage = new LevelStorage(${JSON.stringify(path)});
    await storage.load();
    const entry = (n) => ({ do: 'outbox.put', entry: { n, id: 'm' + n, to: 'bob', bodyText: String(n) } });
    for (let n = 1; ; n += 2) {
      await storage.write([entry(n), entry(n + 1)], ${JSON.stringify(durability)});
      process.stdout.write(String(n + 1) + '\\n');
    }`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program]);
    let printed = '';
    child.stdout.on('data', (data: Buffer) => {
      printed += data.toString();
      if (printed.split('\n').length > 50) child.kill('SIGKILL');
    });
    await once(child, 'close');
    const written = Number(printed.trimEnd().split('\n').at(-1));
    const { outbox } = await (await loaded(path)).load();
    expect(written).toBeGreaterThanOrEqual(98);
    expect(outbox.length).toBeGreaterThanOrEqual(written);
    expect(outbox.length % 2).toBe(0); // a batch is whole or not there
    expect(outbox.map(({ n }: StoredOutgoing) => n)).toEqual(outbox.map((_, index) => index + 1));
  },
);
