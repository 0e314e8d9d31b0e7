import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { EXIT } from '../tools/cli/exit.ts';
import { REPOSITORY } from '../tools/stack/environment.ts';
import { connectRaw } from '../tools/testkit/client.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';

/** The command line against a stack of real processes: `npm run cli`. */

let stack: Stack;
let folder: string;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sixfold-cli-'));
  stack = await startStack({ env: { RECEIPT_SECRET: 'the secret of the receipts of the command line' } });
  const urls = stack.gateways.map(({ url }) => url).join(',');
  const own = { AUTH_SECRET: stack.secret, SIXFOLD_URL: urls, XDG_STATE_HOME: join(folder, 'state') };
  env = { ...process.env, ...own };
});

afterAll(async () => {
  await stack.stop();
  rmSync(folder, { recursive: true });
});

const MAIN = join(REPOSITORY, 'tools/cli/main.ts');

interface Ended {
  code: number | null;
  output: string;
  errors: string;
}

/** Runs a command to its end, with this standard input. */
function cli(args: readonly string[], input = '', more: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [MAIN, ...args],
      { env: { ...env, ...more } },
      (_, output, errors) => resolve({ code: child.exitCode, output, errors }),
    );
    child.stdin?.end(input);
  });
}

/** Starts a command that goes on. */
function start(...args: string[]) {
  const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    child,
    ended: once(child, 'exit'),
    /** The next JSON line that it prints. */
    next: async () => json(String((await lines.next()).value)),
  };
}

const json = (text: string) => JSON.parse(text) as Record<string, unknown>;
const linesOf = (text: string) => text.trimEnd().split('\n');

test('send waits for delivered, also to several; listen prints messages, and marks them as read', async () => {
  const bob = start('listen', '--as', 'bob', '--mark-read');
  const carol = start('listen', '--as', 'carol', '--count', '1');
  const sent = await cli(['send', '--as', 'alice', '--to', 'bob,carol', '--thread', 'team', 'hello']);
  expect(sent).toMatchObject({ code: EXIT.done, errors: '' });
  const [first = '', second = ''] = linesOf(sent.output);
  expect([first, second].map((line) => line.split(' ').slice(1))).toEqual([
    ['bob', 'delivered'],
    ['carol', 'delivered'],
  ]);
  const message = { type: 'message', from: 'alice', thread: 'team', body: 'hello' };
  expect(await bob.next()).toMatchObject(message);
  expect(await carol.next()).toMatchObject(message);
  expect(await carol.ended).toEqual([EXIT.done, null]);

  const read = await cli([
    'send',
    '--as',
    'alice',
    '--to',
    'bob',
    '--wait',
    'read',
    '--json',
    '--parse',
    '{"n":1}',
  ]);
  expect(read.code).toBe(EXIT.done);
  expect(json(read.output)).toMatchObject({ to: 'bob', state: 'read' });
  expect(await bob.next()).toMatchObject({ body: { n: 1 } });
  bob.child.kill('SIGINT');
  expect(await bob.ended).toEqual([EXIT.done, null]);
});

test('lines of standard input go out in order; an absent receiver gets them later; the exit code says stored', async () => {
  const bodies = Array.from({ length: 20 }, (_, n) => `line ${n}`);
  const input = `${bodies.join('\n')}\n`;
  const stored = await cli(['send', '--as', 'alice', '--to', 'dave', '--wait', 'stored'], input);
  expect(stored.code).toBe(EXIT.done);
  expect(linesOf(stored.output)).toHaveLength(bodies.length);
  const late = await cli(['send', '--as', 'alice', '--to', 'dave', '--timeout', '0.5', 'the last']);
  expect(late).toMatchObject({
    code: EXIT.waiting,
    output: expect.stringMatching(/ dave stored\n$/) as string,
  });
  expect(late.errors).toMatch(/^1 accepted, but not delivered in time: .+\.\n$/);

  const part = await cli(['listen', '--as', 'dave', '--count', '5']);
  const rest = await cli(['listen', '--as', 'dave', '--count', '16']);
  const heard = [part, rest].flatMap(({ output }) => linesOf(output).map((line) => json(line)['body']));
  expect(heard).toEqual([...bodies, 'the last']);
});

test('a refused message and a refused token have exit codes of their own, and say why', async () => {
  const token = await stack.token('alice', { claims: { can_send: ['bob'] } });
  const to = ['send', '--to', 'erin', 'a secret body'];
  const forbidden = await cli(to, '', { SIXFOLD_TOKEN: token });
  expect(forbidden.code).toBe(EXIT.rejected);
  expect(forbidden.output).toMatch(/ erin failed forbidden\n$/);
  const unauthorized = await cli([...to, '--as', 'alice'], '', { AUTH_SECRET: 'x'.repeat(40) });
  expect(unauthorized).toMatchObject({ code: EXIT.refused, output: '' });
  expect(unauthorized.errors).toMatch(/^The gateway refused the token: .+\.\n$/);
  for (const { errors } of [forbidden, unauthorized]) expect(errors).not.toMatch(/secret body|eyJ/);
});

test('a token command gets the user; a message with an --id is sent twice and arrives once', async () => {
  const command = { SIXFOLD_TOKEN_COMMAND: `"${process.execPath}" "${MAIN}" token "$SIXFOLD_USER"` };
  const send = ['send', '--as', 'fred', '--to', 'gina', '--wait', 'stored', '--id', 'm1', 'once'];
  for (let n = 0; n < 2; n++) expect(await cli(send, '', command)).toMatchObject({ code: EXIT.done });
  await using gina = await connectRaw(stack.gateways[0]?.url ?? '', { token: await stack.token('gina') });
  await gina.login();
  expect((await gina.pull()).messages).toMatchObject([{ from: 'fred', id: 'm1', body: 'once' }]);
});

test('what was not accepted is kept with --storage, readable by its owner only, and goes out with the next run', async () => {
  const storage = join(folder, 'outbox');
  const send = ['send', '--as', 'hans', '--to', 'ida', '--storage', storage];
  const gone = await connectRaw(stack.gateways[0]?.url ?? '', { token: await stack.token('hans') });
  await gone.close();
  const nowhere = ['--url', 'ws://127.0.0.1:1', '--connect-timeout', '0.5'];
  expect((await cli([...send, ...nowhere, 'lost?'])).code).toBe(EXIT.unreachable);
  expect((await cli([...send, '--wait', 'stored', 'kept'])).code).toBe(EXIT.done);
  expect(statSync(storage).mode & 0o077).toBe(0);
  expect(readdirSync(storage)).not.toEqual([]);
});

/** A chat in a pseudo-terminal of util-linux; `type` presses keys. */
function chat(...args: string[]) {
  const command = [process.execPath, MAIN, 'chat', ...args].map((arg) => `'${arg}'`).join(' ');
  const child = spawn('script', ['-qfec', `stty cols 120; ${command}`, '/dev/null'], { env });
  onTestFinished(() => void child.kill('SIGKILL'));
  const seen = { text: '' };
  child.stdout.on('data', (chunk: Buffer) => (seen.text += chunk.toString()));
  return {
    ended: once(child, 'exit'),
    type: (keys: string) => child.stdin.write(keys),
    shows: (what: RegExp) =>
      until(() => what.test(stripVTControlCharacters(seen.text)), {
        what: `${what.source} on the screen`,
        timeoutMs: 60_000,
      }).catch((error: unknown) => {
        throw new Error(`the screen:\n${stripVTControlCharacters(seen.text)}`, { cause: error });
      }),
    text: () => seen.text,
  };
}

test('chat: states, typing, read marks; a hostile body cannot control the terminal; Ctrl-D ends it', async () => {
  const [jan, kim] = [chat('--as', 'jan', '--to', 'kim'), chat('--as', 'kim', '--to', 'jan')];
  await Promise.all([jan.shows(/You are jan/), kim.shows(/You are kim/)]);
  jan.type('hi');
  await kim.shows(/jan is typing…/);
  jan.type(' kim\r');
  await kim.shows(/jan: hi kim/);
  await jan.shows(/delivered: kim \(hi kim\)/);
  expect(jan.text()).not.toContain('read: kim');
  kim.type('x');
  await jan.shows(/read: kim \(hi kim\)/);
  const attack = 'quiet\u001b[2J\u0007end';
  await cli(['send', '--as', 'lee', '--to', 'kim', '--parse', JSON.stringify(attack)]);
  await kim.shows(/lee: quiet \[2J end/);
  kim.type('\u0003'); // Ctrl-C
  jan.type('\u0004'); // Ctrl-D
  expect(await Promise.all([jan.ended, kim.ended])).toEqual([
    [EXIT.done, null],
    [EXIT.done, null],
  ]);
});

test('chat: without a gateway it keeps what was written, and the next run sends it; a pipe is no terminal', async () => {
  const gateway = await stack.addGateway();
  const storage = join(folder, 'chat');
  const options = ['--as', 'max', '--to', 'nora', '--storage', storage];
  const max = chat(...options, '--url', gateway.url);
  await max.shows(/You are max/);
  await gateway.kill();
  await max.shows(/Offline/);
  max.type('from before\r/quit\r');
  await max.shows(/1 messages were not accepted: the next chat sends them/);
  expect(await max.ended).toEqual([EXIT.done, null]);
  const again = chat(...options);
  await again.shows(/stored: nora/);
  again.type('/quit\r');
  await again.ended;
  const heard = await cli(['listen', '--as', 'nora', '--count', '1']);
  expect(json(heard.output)).toMatchObject({ from: 'max', body: 'from before' });
  expect((await cli(['chat', ...options])).code).toBe(EXIT.usage);
});

test('load measures each step, and ends with a table; another machine needs --remote', async () => {
  const done = await cli(['load', '--pairs', '2', '--rate', '40', '--seconds', '1', '--json']);
  expect(done).toMatchObject({ code: EXIT.done, errors: '' });
  const { sent, accepted, delivered, leftOut } = json(done.output);
  expect(sent).toBeGreaterThan(0);
  expect([accepted, delivered, leftOut]).toEqual([sent, sent, 0]);
  expect((await cli(['load', '--url', 'wss://chat.example'])).code).toBe(EXIT.usage);
});

test('doctor finds a healthy stack healthy, and a queue without a consumer', async () => {
  const addresses = { AMQP_URL: stack.amqpUrl, DATABASE_URL: stack.databaseUrl };
  const healthy = await cli(['doctor'], '', addresses);
  expect(healthy).toMatchObject({ code: EXIT.done, errors: '' });
  for (const what of ['lives and is ready', 'takes WebSockets', 'lets doctor log in', 'has the same time'])
    expect(healthy.output.split(what).length - 1, what).toBeGreaterThanOrEqual(2);
  for (const what of [
    'tell clients the same limits',
    'is RabbitMQ',
    'have consumers',
    'is PostgreSQL',
    'has the tables',
  ])
    expect(healthy.output).toContain(what);
  await stack.ack[0]?.stop();
  const ill = await cli(['doctor', '--json'], '', addresses);
  expect(ill.code).toBe(EXIT.failed);
  const problems = linesOf(ill.output)
    .map(json)
    .filter(({ level }) => level === 'problem');
  expect(problems).toMatchObject([
    { what: expect.stringContaining('sixfold.ack has no consumer') as string },
  ]);
});
