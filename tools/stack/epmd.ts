import { execFile } from 'node:child_process';
import { connect } from 'node:net';
import type { Machine } from '../testkit/private-network.ts';

/** Length-prefixed KILL request of the Erlang port mapper protocol. */
const KILL_REQUEST = Buffer.from([0, 1, 'k'.charCodeAt(0)]);

/**
 * Ends the port mapper daemon on a private `port`, which outlives the node that started it. It refuses
 * while a node is registered, so this never takes it away from a running broker. Nothing there: no error.
 */
export function stopEpmd(port: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: 1_000 }, () => socket.write(KILL_REQUEST));
    socket.resume();
    socket.on('timeout', () => socket.destroy());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => resolve());
  });
}

/** The same on another machine: it takes that from its own only. */
export function stopEpmdOn({ enter: [command = '', ...args] }: Machine, port: number): Promise<void> {
  return new Promise((resolve) => {
    const kill = ['epmd', '-port', String(port), '-kill'];
    execFile(command, [...args, ...kill], { timeout: 5_000 }, () => resolve());
  });
}
