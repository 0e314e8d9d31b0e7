import { execFile } from 'node:child_process';
import { connect } from 'node:net';
import type { Machine } from './rabbitmq-member.ts';

/** Length-prefixed KILL request of the Erlang port mapper protocol. */
const KILL_REQUEST = Buffer.from([0, 1, 'k'.charCodeAt(0)]);

/**
 * Ends the port mapper daemon on a private `port`, which outlives the node that started it. It refuses
 * while a node is registered, so this never takes it away from a running broker. Nothing there: no error.
 * On another machine it takes the request from that machine only.
 */
export function stopEpmd(port: number, machine?: Machine): Promise<void> {
  return new Promise((resolve) => {
    if (machine) {
      const [command, ...args] = [...machine.enter, 'epmd', '-port', String(port), '-kill'];
      execFile(command, args, { timeout: 5_000 }, () => resolve());
      return;
    }
    const socket = connect({ port, host: '127.0.0.1', timeout: 1_000 }, () => socket.write(KILL_REQUEST));
    socket.resume();
    socket.on('timeout', () => socket.destroy());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => resolve());
  });
}
