import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLogger } from '#libs/runtime/logger.ts';
import { Database } from '#libs/store/database.ts';
import { freePort } from '../tools/stack/ports.ts';
import { Conversation } from './harness/conversation.ts';
import { connectAs } from './harness/raw-client.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { cutOff, promote, type Standby, startStandby, waitFor, withServer } from './harness/standby.ts';
import { until } from './harness/wait.ts';

/**
 * A database with a synchronous standby, which takes over: nothing accepted is lost (G1), nobody is restarted, and
 * whoever is connected stays reachable, though presence is gone with the old server.
 */

let stack: Stack;
/** The standby; in the end the primary. */
let second: Standby;
/** Standby of that, where the first one was. */
let third: Standby | undefined;
let pids: number[];

/** With the stack's database. */
const onSecond = (text: string) =>
  withServer(at(stack.databaseUrl, second.server.port), (query) => query(text));

function at(address: string, port: number): string {
  const url = new URL(address);
  url.port = String(port);
  return url.href;
}

const services = () => [...stack.gateways, ...stack.routing, ...stack.ack];

beforeAll(async () => {
  stack = await startStack({
    ownInfrastructure: true,
    gateways: 0,
    routing: 0,
    ack: 0,
    env: { GATEWAY_LEASE_MS: '4000', RATE_LIMIT_PER_S: '10000', RATE_BURST: '10000' },
  });
  const { dataDir, databaseUrl } = stack.addresses;
  const port = await freePort();
  second = await startStandby({ dataDir, of: { name: 'postgres', url: databaseUrl }, name: 'second', port });
  await waitFor(databaseUrl, 'second');
  const { host } = new URL(stack.databaseUrl);
  const both = (first: string, last: string) =>
    `${stack.databaseUrl.replace(host, `${first},${last}`)}?target_session_attrs=read-write`;
  const standby = `127.0.0.1:${port}`;
  // Whoever names the standby first finds the primary, too.
  await Promise.all([
    stack.addGateway(),
    stack.addGateway(),
    stack.addRouting({ DATABASE_URL: both(host, standby) }),
    stack.addRouting({ DATABASE_URL: both(standby, host) }),
    stack.addAck({ DATABASE_URL: both(standby, host) }),
  ]);
  pids = services().map(({ pid }) => pid);
});

afterAll(async () => {
  await stack.stop();
  await second.server.stop();
  await third?.server.stop();
});

const allReady = () =>
  until(
    async () => {
      const answers = await Promise.all(services().map(({ http }) => fetch(`${http}/readyz`)));
      return answers.every(({ status }) => status === 200);
    },
    { what: 'all services to be ready', timeoutMs: 60_000, intervalMs: 100 },
  );

test('what a crash of the primary left behind, and its standby has not seen, is not taken for stored', async () => {
  await using alice = await connectAs(stack, stack.gateways[0], 'alice');
  const count = async (text: string) =>
    Number((await stack.sql(`SELECT count(*) FROM ${text}`))[0]?.['count']);
  const untilCommitWaits = (text: string) =>
    until(
      () =>
        count(
          `pg_stat_activity WHERE wait_event = 'SyncRep' AND query LIKE '%i (recipient, sender, id, body%'`,
        ),
      { what: text },
    );
  await using cut = await cutOff(second);
  await until(async () => (await count('pg_stat_replication')) === 0, { what: 'the standby to be cut off' });
  const [moment] = await stack.sql('SELECT now()::text AS now');
  const renewed = `gateways WHERE NOT removed AND last_seen > '${String(moment?.['now'])}'`;
  await until(async () => (await count(renewed)) === 2, { what: 'leases to be renewed without the standby' });
  alice.msg('absent', 'm1');
  await untilCommitWaits('the message to be written, though not for its standby');
  await stack.postgres.kill('SIGKILL');
  await stack.postgres.restart();
  await until(() => count(`offline_messages WHERE recipient = 'absent'`), {
    what: 'the message to be found',
  });
  await untilCommitWaits('the next try to wait, too');
  const told = async () => {
    const receipts = [...alice.all('ack:N'), ...(await alice.pull()).receipts];
    return receipts.map(({ id, state }) => `${id} ${state}`);
  };
  expect(alice.all('ack:N')).toEqual([]);
  await cut.mend();
  // Presence was lost in the crash: the receipt may have gone to her mailbox.
  await until(async () => (await told()).includes('m1 stored'), { what: 'the receipt', intervalMs: 200 });
  await allReady();
});

test('the primary is killed under load, and its standby promoted: nothing is lost, none comes twice', async () => {
  const [one, two] = [stack.gateways.slice(0, 1), stack.gateways.slice(1)];
  await using live = new Conversation(stack, { from: 'carol', to: 'dave', fromVia: one, toVia: two });
  await using kept = new Conversation(stack, { from: 'erin', to: 'frank', fromVia: two, toVia: one });
  await live.receive();
  await Promise.all([live.start(), kept.start()]);
  await Promise.all([live.flows(), kept.flows('stored')]);
  const before = live.count;
  const presence = 'SELECT session FROM sessions ORDER BY 1';
  const connected = await stack.sql(presence);
  expect(connected).toHaveLength(3);

  await stack.postgres.kill('SIGKILL');
  await Promise.all([live.flows('sent'), kept.flows('sent')]); // accepted all the same
  const began = Date.now();
  await promote(second);
  const promoted = Date.now() - began;
  await Promise.all([live.flows(), kept.flows('stored')]);
  const again = Date.now() - began;
  await until(async () => isDeepStrictEqual(await onSecond(presence), connected), {
    what: 'all sessions to be announced again',
  });
  await allReady();

  const calm = live.count;
  await live.flows();
  const count = (await live.finish()) + kept.count;
  await kept.receive();
  await kept.finish();
  expect([...live.wrong, ...kept.wrong]).toEqual([]);
  expect(live.inversions(0, before) + live.inversions(calm)).toBe(0);
  expect(services().map(({ pid, running }) => running && pid)).toEqual(pids);
  console.log(`promoted in ${promoted} ms, all goes on after ${again} ms; ${count} messages`);
});

/** As many connections as a service may have, to the server at `url`; the third one is named beside it. */
async function holdConnections(url: string) {
  const { host } = new URL(url);
  const DATABASE_URL = url.replace(host, `${host},127.0.0.1:${third?.server.port ?? 0}`);
  const options = { DATABASE_URL, DATABASE_TIMEOUT_MS: 15_000 };
  const database = new Database(options, 'test', createLogger('test', 'silent'));
  const nap = { name: 'nap', text: 'SELECT pg_sleep(0.2)' };
  await Promise.all(Array.from({ length: 5 }, () => database.query(nap)));
  return { database, [Symbol.asyncDispose]: () => database.close() };
}

test('the old primary comes back as a standby, and is left alone', async () => {
  const { dataDir } = stack.addresses;
  const of = { name: 'second', url: second.url };
  third = await startStandby({ dataDir, of, name: 'third', port: stack.postgres.port });
  await waitFor(second.url, 'third');
  await Promise.all([...stack.routing, ...stack.ack].map((service) => service.restart()));
  pids = services().map(({ pid }) => pid);
  const [one, two] = [stack.gateways.slice(0, 1), stack.gateways.slice(1)];
  await using live = new Conversation(stack, { from: 'gina', to: 'hugo', fromVia: one, toVia: two });
  await live.receive();
  await live.start();
  await live.flows();

  await using ours = await holdConnections(at(stack.databaseUrl, second.server.port));
  // Fenced while services are connected: no connection of theirs is lost.
  await withServer(second.url, async (query) => {
    await query('ALTER SYSTEM SET default_transaction_read_only = on');
    await query('SELECT pg_reload_conf()');
  });
  await until(
    async () =>
      (await Promise.all(stack.routing.map(({ http }) => fetch(`${http}/readyz`)))).every(
        ({ status }) => status === 503,
      ),
    { what: 'no server that takes writes: not ready' },
  );
  await promote(third);
  // Whatever connection it gets, to whichever server: a statement that a read-only one refuses goes to the other.
  await ours.database.query({ name: 'write', text: 'UPDATE gateways SET removed = removed' });
  await live.flows();
  await live.finish();
  expect(live.wrong).toEqual([]);
  await allReady();
  expect(services().map(({ pid, running }) => running && pid)).toEqual(pids);
});
