import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import type { Logger } from '#libs/runtime/logger.ts';
import { migrate } from '#libs/store/migrate.ts';
import { logTail } from '../tools/stack/log-file.ts';
import { type Middleman, pgBouncer } from '../tools/testkit/middleman.ts';
import { makeCertificates } from './harness/certificates.ts';
import { createDatabase } from './harness/database-admin.ts';
import { temporaryFolder } from './harness/infrastructure.ts';
import { connectAs, connectRaw, type RawOptions } from './harness/raw-client.ts';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { tlsProxy } from './harness/tls-proxy.ts';
import { until } from './harness/wait.ts';

/**
 * Between the services and what they stand on: PgBouncer, which lends each transaction another connection, before the
 * database; HAProxy, which takes TLS off, before the broker. All addresses are IPv6.
 */

let stack: Stack;
let gateway: ServiceHandle;
let pooler: Middleman;
let proxy: Middleman;
let operator: Server;
const asked: string[] = [];

beforeAll(async () => {
  const folder = await temporaryFolder(inject('infrastructure').dataDir);
  const certificates = await makeCertificates(folder, 'proxy', '::1');
  operator = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.setHeader('Content-Type', 'application/json').end('{"allow":true}');
  }).listen(0, '::1');
  await once(operator, 'listening');
  stack = await startStack({ gateways: 0, routing: 0, ack: 0 });
  const { dataDir } = stack.addresses;
  pooler = await pgBouncer(dataDir, stack.databaseUrl, { host: '::1' });
  proxy = await tlsProxy(dataDir, stack.amqpUrl, certificates);
  const env = { AMQP_URL: proxy.url, AMQP_CA: certificates.ca, DATABASE_URL: pooler.url };
  // At the same time, with a database that has no tables yet.
  [gateway] = await Promise.all([
    stack.addGateway({
      ...env,
      HOST: '::',
      TRUSTED_PROXIES: '::1',
      MAX_CONNECTIONS_PER_ADDRESS: '2',
      AUTHORIZE_URL: `http://[::1]:${(operator.address() as AddressInfo).port}/may`,
    }),
    stack.addRouting(env),
    stack.addRouting(env),
    stack.addRouting(env),
    stack.addAck(env),
  ]);
});

afterAll(async () => {
  await stack.stop();
  await Promise.all([pooler.process.kill(), proxy.process.kill()]);
  operator.close();
});

/** A client behind a load balancer on the IPv6 loopback. */
const from = (address: string): RawOptions => ({
  ws: { localAddress: '::1', headers: { 'X-Forwarded-For': address } },
});
const at = (): ServiceHandle =>
  Object.assign(Object.create(gateway) as ServiceHandle, { url: gateway.url.replace('127.0.0.1', '[::1]') });

test('messages pass, live and through the mailbox, again and again', async () => {
  await using alice = await connectAs(stack, at(), 'alice', from('2001:db8:1::1'));
  for (let round = 0; round < 5; round++) {
    const bob = await connectAs(stack, at(), 'bob', { autoAck: true, ...from('2001:db8:2::1') });
    alice.msg('bob', `live-${round}`);
    await alice.next('ack:N', { id: `live-${round}`, state: 'delivered' });
    await bob.close();
    await until(async () => (await stack.sql(`SELECT FROM sessions WHERE user_id = 'bob'`)).length === 0, {
      what: 'bob to be away',
    });
    for (let n = 0; n < 10; n++) alice.msg('bob', `away-${round}-${n}`);
    for (let n = 0; n < 10; n++) await alice.next('ack:N', { id: `away-${round}-${n}`, state: 'stored' });
    await using again = await connectAs(stack, at(), 'bob', from('2001:db8:2::1'));
    const { messages } = await again.pull();
    expect(messages.map(({ id }) => id)).toEqual(Array.from({ length: 10 }, (_, n) => `away-${round}-${n}`));
    again.send({ type: 'offline:A', keys: messages.map(({ key }) => key) });
    await alice.next('offline:N');
    await alice.pull();
  }
  expect(asked.some((path) => path.startsWith('/may'))).toBe(true);
});

test('behind a pooler nothing is prepared by name, and nobody says that it was missing', async () => {
  for (const service of [...stack.routing, ...stack.ack]) {
    const log = await logTail(service.spec.logFile, 500);
    expect(log).toContain('a connection pooler stands before the database');
    expect(log).not.toMatch(/prepared statement "/);
  }
});

test('many migrate a fresh database at the same time, and no lock stays behind', async () => {
  const name = `middlemen_${process.pid}`;
  await createDatabase(stack.addresses.databaseUrl, name);
  const address = new URL(pooler.url);
  address.pathname = `/${name}`;
  const lines: string[] = [];
  const log = { debug: () => undefined, warn: (...said: unknown[]) => lines.push(JSON.stringify(said)) };
  const each = () => migrate({ DATABASE_URL: address.href }, log as unknown as Logger);
  await Promise.all(Array.from({ length: 12 }, each));
  expect(lines).toEqual([]);
  const left = `SELECT * FROM pg_locks l JOIN pg_database d ON d.oid = l.database
    WHERE locktype = 'advisory' AND datname = $1`;
  expect(await stack.sql(left, [name])).toEqual([]);
});

test('when the pooler is gone for a while, routing waits and goes on', async () => {
  await using alice = await connectAs(stack, at(), 'anna', from('2001:db8:3::1'));
  await pooler.process.kill('SIGKILL');
  alice.msg('nobody', 'waits');
  await alice.next('msg:A', { id: 'waits' });
  await pooler.process.restart();
  await alice.next('ack:N', { id: 'waits', state: 'stored' });
});

test('a client counts by the /64 that the trusted proxy saw', async () => {
  await using one = await connectAs(stack, at(), 'carl', from('2001:db8:9::1'));
  await using two = await connectAs(stack, at(), 'cleo', from('2001:db8:9::ffff:2'));
  await using three = await connectRaw(at().url, from('2001:db8:9::3'));
  expect((await three.closed).code).toBe(1013);
  for (const client of [one, two]) {
    client.send({ type: 'ping' });
    await client.next('pong');
  }
});
