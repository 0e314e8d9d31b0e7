import amqp, { type Channel } from 'amqplib';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { connectionString } from '#libs/store/connection-string.ts';
import { admin } from '../services/admin/program.ts';
import { REPOSITORY } from '../tools/stack/environment.ts';
import { logTail } from '../tools/stack/log-file.ts';
import { freePort } from '../tools/stack/ports.ts';
import { acceptsQueries } from '../tools/stack/postgres.ts';
import { acceptsConnections } from '../tools/stack/rabbitmq.ts';
import { service } from '../tools/stack/service.ts';
import { runWithRabbitmqctl, tagsOf } from './harness/broker-admin.ts';
import { type Certificates, makeCertificates } from './harness/certificates.ts';
import { temporaryFolder } from './harness/infrastructure.ts';
import { connectAs } from './harness/raw-client.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';

/**
 * The services speak to the broker and the database over TLS, only to the right ones, and as users who may do nothing
 * but what the services need: those that deploy/ creates.
 */

const BROKER_USER = 'sixfold_services';
const DATABASE_ROLE = 'sixfold_services';
const OPERATOR = 'sixfold_operator';
const VIRTUAL_HOST = 'sixfold';
const PASSWORD = "it's a p@ss/word";

let stack: Stack;
let ours: Certificates;
let others: Certificates;
/** What the services are told. */
let env: Record<'AMQP_URL' | 'AMQP_CA' | 'DATABASE_URL' | 'DATABASE_CA', string>;

beforeAll(async () => {
  const folder = await temporaryFolder(inject('infrastructure').dataDir);
  [ours, others] = await Promise.all([
    makeCertificates(folder, 'ours', 'localhost'),
    makeCertificates(folder, 'others', 'localhost'),
  ]);
  stack = await startStack({ tls: ours, gateways: 0, routing: 0, ack: 0 });
  const { addresses } = stack;
  await runWithRabbitmqctl(addresses, 'deploy/rabbitmq/user.sh', [BROKER_USER, VIRTUAL_HOST], PASSWORD);
  await stack.sql(readFileSync(join(REPOSITORY, 'deploy/postgres/role.sql'), 'utf8'));
  await stack.sql(`ALTER ROLE ${DATABASE_ROLE} PASSWORD ${pg.escapeLiteral(PASSWORD)}`);
  env = {
    AMQP_URL: `${as(addresses.amqpsUrl ?? '', BROKER_USER)}/${VIRTUAL_HOST}`,
    AMQP_CA: ours.ca,
    DATABASE_URL: as(at('localhost', stack.databaseUrl), DATABASE_ROLE),
    DATABASE_CA: ours.ca,
  };
  const operator = [OPERATOR, VIRTUAL_HOST, 'operator'];
  await Promise.all([
    ...[stack.addGateway(env), stack.addRouting(env), stack.addAck(env)],
    runWithRabbitmqctl(addresses, 'deploy/rabbitmq/user.sh', operator, PASSWORD),
  ]);
});

afterAll(() => stack.stop());

function as(url: string, user: string): string {
  const changed = new URL(url);
  [changed.username, changed.password] = [user, encodeURIComponent(PASSWORD)];
  return changed.href.replace(/\/$/, '');
}

function at(host: string, url: string): string {
  const changed = new URL(url);
  changed.hostname = host;
  return changed.href;
}

test('messages pass, live and through the mailbox', async () => {
  const [gateway] = stack.gateways;
  await using alice = await connectAs(stack, gateway, 'alice');
  const bob = await connectAs(stack, gateway, 'bob', { autoAck: true });
  alice.msg('bob', 'live');
  await alice.next('ack:N', { id: 'live', state: 'delivered' });
  await bob.close();
  await until(
    async () => (await stack.sql(`SELECT FROM sixfold.sessions WHERE user_id = 'bob'`)).length === 0,
    {
      what: 'bob to be away',
    },
  );
  alice.msg('bob', 'away');
  await alice.next('ack:N', { id: 'away', state: 'stored' });
  await using again = await connectAs(stack, gateway, 'bob');
  const { messages } = await again.pull();
  expect(messages).toMatchObject([{ id: 'away', from: 'alice' }]);
  again.send({ type: 'offline:A', keys: messages.map(({ key }) => key) });
  await alice.next('offline:N');
  expect((await alice.pull()).receipts).toMatchObject([{ id: 'away', state: 'delivered' }]);
});

test('every connection to the database is encrypted', async () => {
  const connections = await stack.sql(
    `SELECT application_name, ssl FROM pg_stat_activity JOIN pg_stat_ssl USING (pid)
     WHERE usename = '${DATABASE_ROLE}'`,
  );
  expect(new Set(connections.map((one) => one['application_name']))).toEqual(
    new Set(['sixfold-routing', 'sixfold-ack']),
  );
  expect(connections.every(({ ssl }) => ssl === true)).toBe(true);
});

test('npm start, too, asks only servers that it is sure of', async () => {
  expect(await acceptsConnections(env.AMQP_URL, env.AMQP_CA)).toBe(true);
  expect(await acceptsQueries(env.DATABASE_URL, env.DATABASE_CA)).toBe(true);
  await expect(acceptsConnections(env.AMQP_URL)).rejects.toThrow(/certificate/);
  await expect(acceptsQueries(env.DATABASE_URL, others.ca)).rejects.toThrow(/certificate/);
});

describe('a service that is not sure whom it speaks to is not ready, and says why', () => {
  test.for<[string, 'gateway' | 'ack', () => Partial<typeof env>, RegExp]>([
    [
      'a broker with a certificate of another CA',
      'gateway',
      () => ({ AMQP_CA: others.ca }),
      /SELF_SIGNED_CERT|UNABLE_TO_VERIFY/,
    ],
    [
      'a broker with another name',
      'gateway',
      () => ({ AMQP_URL: at('127.0.0.1', env.AMQP_URL) }),
      /ERR_TLS_CERT_ALTNAME_INVALID/,
    ],
    [
      'a database with a certificate of another CA',
      'ack',
      () => ({ DATABASE_CA: others.ca }),
      /SELF_SIGNED_CERT|UNABLE_TO_VERIFY/,
    ],
    [
      'a database with another name',
      'ack',
      () => ({ DATABASE_URL: at('127.0.0.1', env.DATABASE_URL) }),
      /ERR_TLS_CERT_ALTNAME_INVALID/,
    ],
  ])('%s', async ([, kind, change, why]) => {
    const { dataDir } = stack.addresses;
    const [name, logFile] = ['unsure', join(dataDir, 'logs', `unsure-${Math.random()}.log`)];
    const spec = service({
      kind,
      name,
      port: await freePort(),
      dataDir,
      logFile,
      env: {
        ...env,
        AUTH_SECRET: stack.secret,
        NODE_ENV: undefined,
        NODE_OPTIONS: undefined,
        ...change(),
      },
    });
    const child = await spec.launch();
    try {
      await until(async () => why.test(await logTail(logFile, 200)), {
        what: `the log to match ${String(why)}`,
      });
      expect(await spec.isReady()).toBe(false);
    } finally {
      child.kill('SIGKILL');
      await child.exited;
    }
  });
});

test('an operator, as a user and a role that read no body, can do what admin does', async () => {
  await stack.sql(readFileSync(join(REPOSITORY, 'deploy/postgres/operator.sql'), 'utf8'));
  await stack.sql(`ALTER ROLE ${OPERATOR} PASSWORD ${pg.escapeLiteral(PASSWORD)}`);
  const their = {
    ...env,
    AMQP_URL: as(env.AMQP_URL, OPERATOR),
    DATABASE_URL: as(env.DATABASE_URL, OPERATOR),
  };
  await using alice = await connectAs(stack, stack.gateways[0], 'alice');
  const looks = ['mailbox alice', 'sessions alice', 'message alice m1', 'partitions', 'slow', 'dead list'];
  for (const command of [...looks, 'disconnect alice']) {
    const said: string[] = [];
    const say = (text: string) => said.push(text);
    expect(await admin(command.split(' '), { env: their, out: say, err: say }), said.join('\n')).toBe(0);
  }
  expect((await alice.closed).code).toBe(1012);
  const client = new pg.Client({
    connectionString: connectionString({ DATABASE_URL: their.DATABASE_URL, DATABASE_CA: env.DATABASE_CA }),
  });
  await client.connect();
  await expect(client.query('SELECT body FROM offline_messages')).rejects.toThrow(/permission denied/);
  await client.end();
});

describe('the broker user of deploy/rabbitmq/user.sh', () => {
  /** One thing that the user tries, on a connection and channel of its own; a refusal closes the channel. */
  async function attempt(
    action: (channel: Channel) => Promise<unknown>,
    url = env.AMQP_URL,
  ): Promise<unknown> {
    const connection = await amqp.connect(url, { ca: readFileSync(ours.ca) });
    connection.on('error', () => undefined);
    try {
      const channel = await connection.createConfirmChannel();
      const failed = new Promise<never>((_, reject) => channel.on('error', reject));
      return await Promise.race([failed, action(channel).then(() => channel.checkQueue('sixfold.ack'))]);
    } finally {
      await connection.close().catch(() => undefined);
    }
  }

  test.for<[string, (channel: Channel) => Promise<unknown>]>([
    ['declare a queue of another name', (channel) => channel.assertQueue('payments')],
    ['declare an exchange of another name', (channel) => channel.assertExchange('payments', 'fanout')],
    ['read a queue of another name', (channel) => channel.get('payments')],
    ['delete a queue of another name', (channel) => channel.deleteQueue('payments')],
    [
      'publish to an exchange of another name',
      (channel) => Promise.resolve(channel.publish('amq.topic', 'x', Buffer.of(1))),
    ],
    [
      'bind a queue to an exchange of another name',
      (channel) => channel.bindQueue('sixfold.ack', 'amq.topic', '#'),
    ],
  ])('may not %s', async ([, action]) => {
    await expect(attempt(action)).rejects.toThrow(/ACCESS_REFUSED|403/);
  });

  test('may not enter another virtual host', async () => {
    const [, other] = /\/\/.*\/([^/]+)$/.exec(stack.amqpUrl) ?? [];
    const url = env.AMQP_URL.replace(/[^/]+$/, other ?? '');
    await expect(attempt(() => Promise.resolve(), url)).rejects.toThrow('ConnectionClose');
  });

  test('is no administrator', async () => {
    expect(await tagsOf(stack.addresses, BROKER_USER)).toBe('[]');
  });
});

describe('the database role of deploy/postgres/role.sql', () => {
  let role: pg.Client;

  beforeAll(async () => {
    role = new pg.Client({
      connectionString: `${env.DATABASE_URL}?sslrootcert=${encodeURIComponent(ours.ca)}`,
    });
    await role.connect();
  });

  afterAll(() => role.end());

  test.for([
    'CREATE DATABASE other',
    'CREATE ROLE other',
    'CREATE SCHEMA other',
    'CREATE TABLE public.other ()',
    'CREATE TEMPORARY TABLE other ()',
    'SELECT FROM pg_authid',
    'SELECT FROM public.bystander',
    `ALTER ROLE ${DATABASE_ROLE} SUPERUSER`,
    `COPY (SELECT 1) TO PROGRAM 'true'`,
    `SELECT pg_read_file('postgresql.conf')`,
  ])('may not: %s', async (statement) => {
    await stack.sql('CREATE TABLE IF NOT EXISTS bystander ()');
    await expect(role.query(statement)).rejects.toMatchObject({
      code: expect.stringMatching(/^42(501|P01)$/) as string,
    });
  });

  test('owns nothing but its schema and what is in it', async () => {
    const owned = await role.query<{ what: string }>(
      `SELECT DISTINCT nspname AS what FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
       WHERE relowner = current_user::regrole AND nspname NOT LIKE 'pg_toast%'
       UNION SELECT nspname FROM pg_namespace WHERE nspowner = current_user::regrole
       UNION SELECT datname FROM pg_database WHERE datdba = current_user::regrole`,
    );
    expect(owned.rows).toEqual([{ what: 'sixfold' }]);
  });
});
