import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeWholeFile } from './whole-file.ts';

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
  writeWholeFile(pathOf(dataDir), `${JSON.stringify(stack, undefined, 2)}\n`);
}

/** The running stack of this data directory; undefined when there is none, it is not up yet, or the file is damaged. */
export function readStackFile(dataDir: string): StackFile | undefined {
  try {
    const read = JSON.parse(readFileSync(pathOf(dataDir), 'utf8')) as Partial<StackFile> | null;
    return Array.isArray(read?.gateways) && Array.isArray(read.processes) ? (read as StackFile) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Says to other programs that the stack is down. */
export function removeStackFile(dataDir: string): void {
  rmSync(pathOf(dataDir), { force: true });
}
