import amqp from 'amqplib';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { startedAt } from '../tools/bootstrap/process.mjs';
import { killStack } from '../tools/stack/leftovers.ts';
import { freePort, isPortFree } from '../tools/stack/ports.ts';
import { processesOfStack, untilGone } from '../tools/stack/processes.ts';
import { acceptsConnections } from '../tools/stack/rabbitmq.ts';
import { isReady } from '../tools/stack/service.ts';
import { readStackFile, type StackFile, type StackProcess } from '../tools/stack/stack-file.ts';
import { temporaryFolder } from './harness/infrastructure.ts';
import { until } from './harness/wait.ts';

const QUEUE = 'survivors';

/** Files that a kill or a full disk may leave empty. (More of them: damaged-data.test.ts.) */
const HALF_WRITTEN = [
  'stack.json',
  'supervisor.lock',
  'secret',
  'postgres/password',
  'postgres/password.set',
  'postgres/cluster/postmaster.pid',
  'rabbitmq/password',
  'rabbitmq/pid',
  'rabbitmq/rabbitmq.conf',
];

/** `npm start`, `npm stop`, `npm run status` for real, on ports and data of their own. */
describe('the local stack', () => {
  let dataDir: string;
  let port: number;

  beforeAll(async () => {
    dataDir = await temporaryFolder(inject('infrastructure').dataDir);
    port = await freePort();
  });

  afterAll(async () => {
    await untilGone(killStack(dataDir), 5_000);
  });

  test('start --detach returns when everything is ready, and stack.json says what runs', async () => {
    const { code, output } = await local('start', '--detach', '--port', String(port));
    expect(output).toContain('Sixfold is up');
    expect(output).toContain(`the demo page  http://127.0.0.1:${port}/`);
    expect(output).toContain('the console   npm run console');
    expect(output).toContain(`curl http://127.0.0.1:${port}/v1/messages`);
    expect(code).toBe(0);
    const { gateways, processes } = stack();
    expect(gateways).toEqual([`ws://127.0.0.1:${port}/ws`, `ws://127.0.0.1:${port + 1}/ws`]);
    expect(processes.map(({ name }) => name)).toEqual([
      'gateway-1',
      'gateway-2',
      'routing-1',
      'ack-1',
      'rabbitmq',
      'postgres',
      'supervisor',
    ]);
    for (const { name, pid, http } of processes) {
      expect(startedAt(pid), `${name} runs`).toBeDefined();
      if (http !== undefined) expect(await isReady(http), `${name} is ready`).toBe(true);
    }
    expect(programOf('gateway-2')).toContain('services/gateway/main.ts');
    expect(programOf('rabbitmq')).toContain('beam.smp');
    expect(programOf('postgres')).toContain('bin/postgres');
  });

  // Long before the broker is killed: a quorum queue younger than a second does not survive that (3.10).
  test('takes data, to be found again after everything below', leaveSurvivors);

  test('status lists every process and exits with 0', async () => {
    const { code, output } = await local('status');
    expect(code).toBe(0);
    for (const { name, pid } of stack().processes) {
      expect(output).toMatch(new RegExp(`${name} +${pid} .*(ready|up) +\\d+ s`));
    }
  });

  test('the demo page is there, and may have a process killed, which comes back', async () => {
    const page = `http://127.0.0.1:${port}`;
    expect((await fetch(page)).status).toBe(200);
    const config = (await (await fetch(`${page}/demo/config`)).json()) as {
      control: { url: string; token: string };
    };
    const { url, token } = config.control;
    const { pid } = processNamed('ack-1');
    const headers = { authorization: `Bearer ${token}` };
    expect((await fetch(`${url}/kill/ack-1`, { method: 'POST', headers })).status).toBe(202);
    const next = () => processNamed('ack-1');
    await until(async () => next().pid !== pid && isReady(next().http ?? ''), { what: 'another ack-1' });
  });

  test('admin finds its broker and database', async () => {
    const { code, output } = await runTool('tools/admin.ts', 'slow', '--data', dataDir);
    expect(output).toMatch(/^\d+ of \d+ sessions/);
    expect(code).toBe(0);
  });

  test('a second start with the same data says who runs already', async () => {
    const { code, output } = await local('start', '--port', String(port));
    expect(code).toBe(1);
    expect(output).toContain(`already running (pid ${processNamed('supervisor').pid})`);
  });

  test('a start on a taken port names the process that has it', async () => {
    const taken = await freePort();
    await using holder = await listenOn(taken);
    const other = join(dataDir, 'other');
    const { code, output } = await run('start', '--data', other, '--port', String(taken));
    expect(holder.server.listening).toBe(true);
    expect(code).toBe(1);
    expect(output).toContain(`Port ${taken} is taken by pid ${process.pid} (`);
    expect(processesOfStack(other)).toEqual([]);
  });

  test.each([
    ['gateway-1', 'SIGKILL'],
    ['routing-1', 'SIGTERM'],
    ['postgres', 'SIGKILL'],
    ['postgres', 'SIGTERM'], // with clients that stay connected, for which PostgreSQL would wait
  ] as const)('%s is started again after %s', async (name, signal) => {
    await using client = await connectedClient();
    await restartsAfter(name, signal);
    expect(client.user).toBe('sixfold');
  });

  test('rabbitmq is started again after SIGKILL', async () => {
    await restartsAfter('rabbitmq', 'SIGKILL');
    await findSurvivors();
  }, 60_000);

  test('stop ends everything, also when the supervisor was killed', async () => {
    const { pid } = processNamed('supervisor');
    process.kill(pid, 'SIGKILL');
    await untilGone([pid], 5_000);
    const orphans = processesOfStack(dataDir);
    expect(orphans.length).toBeGreaterThan(5);
    const status = await local('status');
    expect(status).toMatchObject({
      code: 1,
      output: expect.stringContaining('supervisor is gone') as string,
    });
    expect((await local('stop')).code).toBe(0);
    expect(orphans.filter((orphan) => startedAt(orphan))).toEqual([]);
    expect(readStackFile(dataDir)).toBeUndefined();
  });

  test('the data is there after the next start, with half-written files; Ctrl-C ends everything', async () => {
    for (const file of HALF_WRITTEN) writeFileSync(join(dataDir, file), '');
    const foreground = spawn(process.execPath, [
      'tools/local.ts',
      'start',
      '--data',
      dataDir,
      '--port',
      String(port),
    ]);
    const output = collect(foreground);
    await until(() => output().includes('Sixfold is up'), { what: 'the start', timeoutMs: 45_000 }).catch(
      () => {
        throw new Error(`it did not start:\n${output()}`);
      },
    );
    const pids = processesOfStack(dataDir);
    await findSurvivors();
    foreground.kill('SIGINT');
    foreground.kill('SIGINT'); // as npm does, which passes on what the terminal sent to all: counts once
    expect(await once(foreground, 'exit')).toEqual([0, null]);
    expect(output()).toContain('Stop');
    expect(pids.filter((pid) => startedAt(pid))).toEqual([]);
    for (const offset of [0, 1, 100, 200, 1000, 1001, 1002, 1010])
      expect(await isPortFree(port + offset)).toBe(true);
    expect((await local('status')).code).toBe(1);
  }, 60_000);

  /** Ends a process of the stack and waits until another one is ready in its place. */
  async function restartsAfter(name: string, signal: NodeJS.Signals): Promise<void> {
    const before = processNamed(name);
    process.kill(before.pid, signal);
    await until(() => processNamed(name).pid !== before.pid, {
      what: 'a new pid in stack.json',
    });
    await until(() => allReady(stack()), { what: 'everything to be ready', timeoutMs: 45_000 });
    expect(startedAt(processNamed(name).pid)).toBeDefined();
    expect(startedAt(before.pid)).toBeUndefined();
  }

  /** Services, broker and database; throws with the names of those that are not. */
  async function allReady({ processes }: StackFile): Promise<boolean> {
    const answers = async ({ http }: StackProcess) =>
      http === undefined || (await isReady(http).catch(() => false));
    const ready = await Promise.all(processes.map(answers));
    const missing = processes.filter((_, i) => !ready[i]).map(({ name }) => name);
    if (missing.length > 0) throw new Error(`not ready: ${missing.join(', ')}`);
    await using client = await connectedClient();
    return (await acceptsConnections(amqpUrl())) && client.user === 'sixfold';
  }

  /** A row in the database, and a message in a quorum queue. */
  async function leaveSurvivors(): Promise<void> {
    await using client = await connectedClient();
    await client.query('CREATE TABLE survivors AS SELECT 1 AS id');
    await withChannel(async (channel) => {
      await channel.assertQueue(QUEUE, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
      channel.sendToQueue(QUEUE, Buffer.from('survivor'), { persistent: true });
      await channel.waitForConfirms();
    });
  }

  async function findSurvivors(): Promise<void> {
    await using client = await connectedClient();
    expect((await client.query('SELECT id FROM survivors')).rows).toEqual([{ id: 1 }]);
    await withChannel(async (channel) => {
      const got = await until(() => channel.get(QUEUE), { what: 'the message' });
      expect(got && got.content.toString()).toBe('survivor'); // and back it goes, unacknowledged
    });
  }

  async function withChannel(use: (channel: amqp.ConfirmChannel) => Promise<void>): Promise<void> {
    const connection = await amqp.connect(amqpUrl());
    try {
      await use(await connection.createConfirmChannel());
    } finally {
      await connection.close();
    }
  }

  async function connectedClient(): Promise<pg.Client & AsyncDisposable> {
    const password = readFileSync(join(dataDir, 'postgres/password'), 'utf8').trim();
    const client = new pg.Client({
      host: '127.0.0.1',
      port: portOf('postgres'),
      user: 'sixfold',
      password,
      database: 'postgres',
    });
    client.on('error', () => undefined); // it may be cut
    await client.connect();
    return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
  }

  function amqpUrl(): string {
    const password = readFileSync(join(dataDir, 'rabbitmq/password'), 'utf8').trim();
    return `amqp://sixfold:${password}@127.0.0.1:${portOf('rabbitmq')}`;
  }

  function stack(): StackFile {
    const file = readStackFile(dataDir);
    if (!file) throw new Error('there is no stack.json');
    return file;
  }

  function processNamed(wanted: string): StackProcess {
    const process = stack().processes.find(({ name }) => name === wanted);
    if (!process) throw new Error(`${wanted} is not in stack.json`);
    return process;
  }

  function portOf(name: string): number {
    return processNamed(name).port ?? 0;
  }

  function programOf(name: string): string {
    return readFileSync(`/proc/${processNamed(name).pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  }

  function local(command: string, ...args: string[]) {
    return run(command, '--data', dataDir, ...args);
  }
});

/** Runs a command to its end. */
const run = (...args: string[]) => runTool('tools/local.ts', ...args);

function runTool(...args: string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, args, (_, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, output: stdout + stderr });
    });
  });
}

function collect(child: ChildProcess): () => string {
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return () => text;
}

async function listenOn(port: number): Promise<AsyncDisposable & { server: Server }> {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    server,
    [Symbol.asyncDispose]: async () => {
      await once(server.close(), 'close');
    },
  };
}
