import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';

/** Nothing of a closed client, and nothing of a link that it gave up, keeps the process alive. */

// A child process, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 });

const HANDSHAKE_MAGIC = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const LIMITS = { maxPacketBytes: 65_536, sendWindow: 128, receiveWindow: 128, ackTimeoutMs: 1, ratePerS: 0 };

/** A short text frame, as a server sends it. */
function frame(packet: object): Buffer {
  const text = Buffer.from(JSON.stringify(packet));
  return Buffer.concat([Buffer.from([0x81, 126, text.length >> 8, text.length & 0xff]), text]);
}

function upgraded(socket: Socket, request: string): void {
  const key = /sec-websocket-key: (.*)\r/i.exec(request)?.[1] ?? '';
  const accept = createHash('sha1')
    .update(key + HANDSHAKE_MAGIC)
    .digest('base64');
  const head = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade'];
  head.push('Sec-WebSocket-Protocol: sixfold.v1', `Sec-WebSocket-Accept: ${accept}`, '', '');
  socket.write(head.join('\r\n'));
}

function loggedIn(socket: Socket): void {
  const login = { type: 'login:A', user: 'alice', device: 'default', session: 's', at: 1, limits: LIMITS };
  socket.write(frame(login));
}

/** How far the server goes before it falls silent, without ever closing anything. */
const SILENT_AFTER: [string, ((socket: Socket, request: string) => void)[]][] = [
  ['the TCP connection', []],
  ['the upgrade', [upgraded]],
  ['the login', [upgraded, loggedIn]],
];

async function silentServer(answers: ((socket: Socket, request: string) => void)[]): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    let next = 0;
    socket.on('data', (data) => answers[next++]?.(socket, data.toString()));
    socket.on('error', () => undefined); // the client cuts the connection
    onTestFinished(() => void socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return server;
}

/** Runs a program with a client that knows `url`. @returns its exit code and what it printed */
async function run(
  url: string,
  socket: string,
  program: string,
): Promise<{ code: unknown; printed: string }> {
  const source = `
    import { connect } from ${JSON.stringify(join(import.meta.dirname, '../index.ts'))};
    import ws from 'ws';
    const client = connect({ url: '${url}', token: () => 't', ${socket === 'ws' ? 'WebSocket: ws,' : ''}
      tuning: { connectTimeoutMs: 300, loginTimeoutMs: 300, pingIntervalMs: 100, pongTimeoutMs: 100,
                reconnect: { baseMs: 20, maxMs: 20 } } });
    const until = (state) => new Promise((resolve) => {
      client.onStatus((status) => { if (status.state === state) resolve(); });
    });
    ${program}
    await client.close({ flushMs: 50 });
    console.log('closed');`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', source], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const patience = setTimeout(() => child.kill('SIGKILL'), 30_000);
  let printed = '';
  child.stdout.on('data', (data: Buffer) => {
    printed += data.toString();
  });
  const [code] = (await once(child, 'close')) as [number | null];
  clearTimeout(patience);
  return { code, printed };
}

for (const socket of ['the platform', 'ws']) {
  test.each(SILENT_AFTER)(
    `with the WebSocket of ${socket}, a server that is silent after %s: a closed client ends its process`,
    async (_what, answers) => {
      const server = await silentServer(answers);
      const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const program = answers.includes(loggedIn)
        ? `await client.connected();`
        : `await new Promise((r) => setTimeout(r, 50));`;
      expect(await run(url, socket, program)).toEqual({ code: 0, printed: 'closed\n' });
    },
  );

  test(`with the WebSocket of ${socket}: links that were given up do not keep the process`, async () => {
    const server = await silentServer([upgraded, loggedIn]);
    const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const program = `for (let round = 0; round < 3; round++) await until('waiting');`;
    expect(await run(url, socket, program)).toEqual({ code: 0, printed: 'closed\n' });
  });
}
