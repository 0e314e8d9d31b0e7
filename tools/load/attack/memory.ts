import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { memoryOf } from '../../testkit/process-usage.ts';

/** Most files and sockets that this process, and those that it starts, may have open. */
export function openFilesLimit(): number {
  const limits = readFileSync('/proc/self/limits', 'utf8');
  const [, most = '0'] = /^Max open files\s+\S+\s+(\S+)/m.exec(limits) ?? [];
  return most === 'unlimited' ? Infinity : Number(most);
}

const SAMPLE_MS = 200;

/** Watches the memory of a process; `read` tells the highest value so far, bytes. */
export function watchMemory(pid: number): Disposable & { read: () => number } {
  let peak = memoryOf(pid);
  const read = () => (peak = Math.max(peak, memoryOf(pid)));
  const sampling = setInterval(read, SAMPLE_MS);
  return { read, [Symbol.dispose]: () => clearInterval(sampling) };
}

/** Memory falls as long as it is below this share of its last value (milliseconds earlier). */
const FALLING = 0.99;
const SETTLE_MS = 500;

/** Memory of a Node process without garbage, when it no longer falls: messages may still be on their way to a mailbox. */
export async function leastMemory(pid: number, inspector: number): Promise<number> {
  for (let least = await memoryInUse(pid, inspector); ;) {
    await delay(SETTLE_MS);
    const now = await memoryInUse(pid, inspector);
    if (now > least * FALLING) return Math.min(now, least);
    least = now;
  }
}

/**
 * Memory of a Node process without garbage, bytes.
 *
 * @param inspector as in `--inspect=127.0.0.1:<port>`
 */
export async function memoryInUse(pid: number, inspector: number): Promise<number> {
  const targets = (await (await fetch(`http://127.0.0.1:${inspector}/json/list`)).json()) as {
    webSocketDebuggerUrl: string;
  }[];
  const socket = new WebSocket(targets[0]?.webSocketDebuggerUrl ?? '');
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.once('open', () =>
        socket.send(JSON.stringify({ id: 1, method: 'HeapProfiler.collectGarbage' })),
      );
      socket.once('message', () => resolve());
    });
  } finally {
    socket.terminate();
  }
  return memoryOf(pid);
}
