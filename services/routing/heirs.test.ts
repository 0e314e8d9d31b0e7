import { EventEmitter } from 'node:events';
import type { ChannelModel } from 'amqplib';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { BrokerError } from '#libs/broker/errors.ts';
import type { Publisher } from '#libs/broker/publisher.ts';
import { gatewayQueue } from '#libs/broker/topology.ts';
import type { Database } from '#libs/store/database.ts';
import { Heirs } from './heirs.ts';

const GATEWAY = 'gateway-1.m1';

class FakeChannel extends EventEmitter {
  readonly unbound: string[] = [];
  prefetch = () => Promise.resolve();
  consume = (): Promise<void> => Promise.resolve();
  unbindQueue = (queue: string) => Promise.resolve(this.unbound.push(queue));
  close = () => Promise.resolve();
}

/** One broker connection; all its channels are the same. */
function connect() {
  const channel = new FakeChannel();
  const connection = { createChannel: () => Promise.resolve(channel) } as unknown as ChannelModel;
  return { channel, connection };
}

function setUp() {
  const rows = new Map<string, { gateway: string; removed: boolean }>();
  const published: string[] = [];
  /** Queues that were deleted. */
  const missing = new Set<string>();
  const query = ({ name }: { name: string }, [gateways]: [string[]?] = []) => {
    if (name === 'gateways-list') return Promise.resolve([...rows.values()]);
    if (name.startsWith('gateways-remove'))
      for (const gateway of gateways ?? []) rows.set(gateway, { gateway, removed: true });
    return Promise.resolve([]);
  };
  const publisher = {
    publish: (_exchange: string, queue: string, content: Buffer) => {
      published.push(`${queue} ${content.toString()}`);
      return missing.has(queue) ? Promise.reject(new BrokerError('unroutable')) : Promise.resolve();
    },
    release: () => undefined,
  };
  const heirs = new Heirs({
    db: { query } as unknown as Database,
    publisher: publisher as unknown as Publisher,
    prefetch: 1,
    receive: () => undefined,
    onGatewayGone: () => undefined,
    log: pino({ level: 'silent' }),
  });
  return { heirs, rows, published, missing };
}

test('a row that is deleted while the broker is away ends the incarnation: its queue is worked off', async () => {
  const { heirs, rows, published } = setUp();
  rows.set(GATEWAY, { gateway: GATEWAY, removed: false });
  heirs.open(connect().connection);
  expect(await heirs.subscribe(GATEWAY)).toBe(true);

  heirs.lost();
  rows.clear(); // with its sessions, as after a crash of the database
  const { channel, connection } = connect();
  heirs.open(connection);
  await heirs.reconcile();

  expect(rows.get(GATEWAY)).toEqual({ gateway: GATEWAY, removed: true });
  expect(channel.unbound).toEqual([gatewayQueue(GATEWAY)]);
  expect(published.at(-1)).toBe(`${gatewayQueue(GATEWAY)} [{"kind":"tombstone"}]`);
});

test('and it is ended once: a row that its deletion removed does not come back', async () => {
  const { heirs, rows } = setUp();
  rows.set(GATEWAY, { gateway: GATEWAY, removed: false });
  heirs.open(connect().connection);
  await heirs.subscribe(GATEWAY);
  heirs.lost();
  rows.clear();
  await heirs.reconcile();
  expect([...rows.keys()]).toEqual([GATEWAY]);
  rows.clear();
  await heirs.reconcile();
  expect([...rows.keys()]).toEqual([]);
});

test('and once also if the broker never answered this heir, and the queue is gone', async () => {
  const { heirs, rows, missing } = setUp();
  rows.set(GATEWAY, { gateway: GATEWAY, removed: false });
  const { channel, connection } = connect();
  const asked = Promise.withResolvers<undefined>();
  channel.consume = () => {
    asked.resolve(undefined);
    return new Promise(() => undefined);
  };
  heirs.open(connection);
  void heirs.subscribe(GATEWAY);
  await asked.promise;
  missing.add(gatewayQueue(GATEWAY));
  rows.set(GATEWAY, { gateway: GATEWAY, removed: true });
  await heirs.reconcile();
  rows.clear();
  await heirs.reconcile();
  expect([...rows.keys()]).toEqual([]);
});
