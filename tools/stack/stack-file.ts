import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** One process in stack.json. */
export interface StackProcess {
  name: string;
  /** The process itself: the service, the Erlang VM, the postmaster. */
  pid: number;
  port?: number;
  /** Base address of metrics and probes. */
  http?: string;
}

/** What stack.json holds while a stack is up: made for other programs, so its shape is a contract. */
export interface StackFile {
  /** WebSocket addresses. */
  gateways: string[];
  processes: StackProcess[];
}

const pathOf = (dataDir: string) => join(dataDir, 'stack.json');

/** Replaces the file at once, so that a reader sees the old or the new one, never a part. */
export function writeStackFile(dataDir: string, stack: StackFile): void {
  const path = pathOf(dataDir);
  const draft = `${path}.${process.pid}.tmp`;
  writeFileSync(draft, `${JSON.stringify(stack, undefined, 2)}\n`);
  renameSync(draft, path);
}

/** The running stack of this data directory; undefined when there is none, or it is not up yet. */
export function readStackFile(dataDir: string): StackFile | undefined {
  try {
    return JSON.parse(readFileSync(pathOf(dataDir), 'utf8')) as StackFile;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Says to other programs that the stack is down. */
export function removeStackFile(dataDir: string): void {
  rmSync(pathOf(dataDir), { force: true });
}
