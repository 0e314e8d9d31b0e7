import { readFileSync } from 'node:fs';
import { WebSocket } from 'ws';
import { memoryOf } from '../../stack/process-usage.ts';

/** Most files and sockets that this process, and those that it starts, may have open. */
export function openFilesLimit(): number {
  const limits = readFileSync('/proc/self/limits', 'utf8');
  const [, most = '0'] = /^Max open files\s+\S+\s+(\S+)/m.exec(limits) ?? [];
  return most === 'unlimited' ? Infinity : Number(most);
}

const SAMPLE_MS = 200;

/** Watches the memory of a process. @returns ends it, and tells the highest that was seen, bytes */
export function watchMemory(pid: number): () => number {
  let peak = memoryOf(pid);
  const look = () => (peak = Math.max(peak, memoryOf(pid)));
  const sampling = setInterval(look, SAMPLE_MS);
  return () => {
    clearInterval(sampling);
    return look();
  };
}

/**
 * Has a Node process collect all its garbage, through its inspector: what it holds after that, it needs.
 *
 * @param inspector as in `--inspect=127.0.0.1:<port>`
 */
export async function collectGarbage(inspector: number): Promise<void> {
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
}
