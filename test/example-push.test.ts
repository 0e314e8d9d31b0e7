import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { npm, packClient } from '../tools/package/pack.ts';
import { REPOSITORY } from '../tools/stack/environment.ts';
import { freePort } from '../tools/stack/ports.ts';
import { emptyMailbox } from './harness/mailbox.ts';
import { connectAs, connectRaw } from './harness/raw-client.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';
import { SECRET } from './harness/webhook-endpoint.ts';

/** examples/push as a team starts with it: its own folder, with the client from the tarball. */

let folder: string;
let stack: Stack;
let example: { url: string; process: ChildProcess; output: () => string };
let pushService: Server;
/** What the push service took, and how it answers the next ones. */
const pushes: { user: string; text: string }[] = [];
const failures: number[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sixfold-example-'));
  const home = await install();
  pushService = createServer((request, response) => {
    void json(request).then((push) => {
      const status = failures.shift() ?? 200;
      if (status === 200) pushes.push(push as (typeof pushes)[number]);
      response.writeHead(status).end();
    });
  }).listen(0, '127.0.0.1');
  await once(pushService, 'listening');
  stack = await startStack({ gateways: 1, env: { EVENTS: 'message.stored' } });
  example = await run(home);
  await stack.addWebhook({ WEBHOOK_URL: `${example.url}/webhook`, WEBHOOK_SECRET: SECRET });
});

afterAll(async () => {
  await stack.stop();
  const ended = once(example.process, 'exit');
  example.process.kill();
  await ended;
  pushService.close();
  pushService.closeAllConnections();
  await rm(folder, { recursive: true });
});

/** Installs the example with the packages that it asks for; those of others are the ones here, so that no registry is needed. */
async function install(): Promise<string> {
  const home = join(folder, 'push');
  await mkdir(home);
  await writeFile(join(home, 'package.json'), '{"private": true}');
  const { tarball } = await packClient(folder);
  await npm(home, ['install', '--offline', '--no-audit', '--no-fund', tarball]);
  await cp(join(REPOSITORY, 'examples/push'), home, { recursive: true });
  const manifest = await readFile(join(home, 'package.json'), 'utf8');
  const { dependencies } = JSON.parse(manifest) as { dependencies: Record<string, string> };
  const others = Object.keys(dependencies).filter((name) => name !== '@sixfold/client');
  for (const name of others)
    await symlink(join(REPOSITORY, 'node_modules', name), join(home, 'node_modules', name));
  return home;
}

async function run(home: string): Promise<typeof example> {
  const PORT = String(await freePort());
  const { port } = pushService.address() as AddressInfo;
  const child = spawn(process.execPath, [join(home, 'server.js')], {
    env: {
      ...process.env,
      PORT,
      SIXFOLD_URL: stack.gateways[0]?.http,
      AUTH_SECRET: stack.secret,
      WEBHOOK_SECRET: SECRET,
      PUSH_URL: `http://127.0.0.1:${port}/`,
    },
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += String(chunk)));
  await until(() => text.includes('listens at'), { what: `the example: ${text}` });
  return { url: `http://127.0.0.1:${PORT}`, process: child, output: () => text };
}

async function report(order: string, user: string): Promise<unknown> {
  const response = await fetch(`${example.url}/orders/${order}/shipped`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ user }),
  });
  const answer: unknown = await response.json();
  expect([response.status, answer], example.output()).toMatchObject([202, { id: `order-${order}-shipped` }]);
  return answer;
}

const untilPushed = (count: number) => until(() => pushes.length >= count, { what: `${count} pushes` });

test('an absent customer gets a push, and finds the message later, with the token of the back end', async () => {
  await report('17', 'bob');
  await report('17', 'bob'); // the order system was not sure
  await untilPushed(1);
  expect(pushes[0]).toEqual({ user: 'bob', text: 'News of order-17' });

  const response = await fetch(`${example.url}/token`, { headers: { 'x-demo-user': 'bob' } });
  await using bob = await connectRaw(stack.gateways[0]?.url ?? '', { token: await response.text() });
  await bob.login();
  const { messages } = await emptyMailbox(bob);
  const body = { order: '17', state: 'shipped' };
  expect(messages).toMatchObject([{ from: 'shop', id: 'order-17-shipped', thread: 'order-17', body }]);
});

test('a push that fails is made again; a connected customer gets none', async () => {
  const before = pushes.length;
  await using carol = await connectAs(stack, stack.gateways[0], 'carol', { autoAck: true });
  failures.push(503);
  await report('18', 'carol');
  expect(await carol.next('msg:N')).toMatchObject({ from: 'shop', id: 'order-18-shipped' });
  await report('19', 'dave');
  await untilPushed(before + 1);
  expect(failures).toEqual([]);
  expect(pushes.slice(before)).toEqual([{ user: 'dave', text: 'News of order-19' }]);
});

test('a webhook without a right signature is refused, and a user without a name gets no token', async () => {
  const before = pushes.length;
  const body = JSON.stringify([
    { type: 'message.stored', event: 'forged', to: 'eve', from: 'shop', id: 'm', at: 1 },
  ]);
  const forged = await fetch(`${example.url}/webhook`, { method: 'POST', body });
  expect(forged.status).toBe(400);
  expect((await fetch(`${example.url}/token`)).status).toBe(401);
  expect(pushes.length).toBe(before);
});
