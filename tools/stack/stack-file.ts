import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ManagedProcess } from './managed-process.ts';
import { readSecret } from './secret.ts';
import { webSocketUrl } from './service.ts';
import { readIfThere, writeWholeFile } from './whole-file.ts';

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

/** What stack.json says: services first, then what they stand on, and the supervisor. */
export function describeStack(running: readonly { spec: ManagedProcess; pid: number }[]): StackFile {
  const kinds = ['gateway', 'routing', 'ack', 'webhook', 'rabbitmq', 'postgres'];
  const rank = (name: string) => kinds.findIndex((kind) => name.startsWith(kind));
  const byNumber = (a: string, b: string) => a.localeCompare(b, 'en', { numeric: true });
  const processes = running
    .map(({ spec: { name, port, http }, pid }) => ({ name, pid, port, ...(http !== undefined && { http }) }))
    .toSorted((a, b) => rank(a.name) - rank(b.name) || byNumber(a.name, b.name));
  const gateways = processes.filter(({ name }) => name.startsWith('gateway'));
  return {
    gateways: gateways.flatMap(({ http }) => (http === undefined ? [] : [webSocketUrl(http)])),
    processes: [...processes, { name: 'supervisor', pid: process.pid }],
  };
}

/** Replaces the file at once, so that a reader sees the old or the new one, never a part. */
export function writeStackFile(dataDir: string, stack: StackFile): void {
  writeWholeFile(pathOf(dataDir), `${JSON.stringify(stack, undefined, 2)}\n`);
}

/** The running stack of this data directory; undefined when there is none, it is not up yet, or the file is damaged. */
export function readStackFile(dataDir: string): StackFile | undefined {
  try {
    const read = JSON.parse(readIfThere(pathOf(dataDir)) ?? 'null') as Partial<StackFile> | null;
    return Array.isArray(read?.gateways) && Array.isArray(read.processes) ? (read as StackFile) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Says to other programs that the stack is down. */
export function removeStackFile(dataDir: string): void {
  rmSync(pathOf(dataDir), { force: true });
}

/** Where the private broker and database of a running stack are, as far as it has its own: AMQP_URL and DATABASE_URL. */
export function backendsOf(dataDir: string): NodeJS.ProcessEnv {
  const processes = readStackFile(dataDir)?.processes ?? [];
  const urlOf = (name: string, scheme: string, path: string) => {
    const port = processes.find((one) => one.name === name)?.port;
    const password = readSecret(join(dataDir, name, 'password'));
    return port === undefined || !password
      ? undefined
      : `${scheme}://sixfold:${password}@127.0.0.1:${port}${path}`;
  };
  return {
    AMQP_URL: urlOf('rabbitmq', 'amqp', ''),
    DATABASE_URL: urlOf('postgres', 'postgres', '/postgres'),
  };
}
