import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { commandLine } from './process-table.ts';

/** Who listens on a port. */
export interface PortOwner {
  pid: number;
  /** Program and arguments. */
  command: string;
}

/** TCP state "listening" in /proc/net/tcp. */
const LISTENING = '0A';

/** The process that listens on a TCP port; undefined when nobody does, or we may not see who. */
export function portOwner(port: number): PortOwner | undefined {
  const pid = existsSync('/proc/net/tcp') ? ownerInProc(port) : ownerByLsof(port);
  return pid === undefined ? undefined : { pid, command: commandLine(pid) ?? 'unknown command' };
}

/** Why we cannot listen on `port`, and what to do; `advice` completes "End it, or …". */
export function portTakenMessage(port: number, advice: string): string {
  const owner = portOwner(port);
  if (!owner) return `Port ${port} is taken by a process of another user. End it, or ${advice}.`;
  return `Port ${port} is taken by pid ${owner.pid} (${owner.command}). End it, or ${advice}.`;
}

function ownerInProc(port: number): number | undefined {
  const tables = ['/proc/net/tcp', '/proc/net/tcp6'].filter((path) => existsSync(path));
  const inodes = new Set(tables.flatMap((path) => listeningInodes(readFileSync(path, 'latin1'), port)));
  const holdsSocket = (pid: number) =>
    linksOf(`/proc/${pid}/fd`).some((link) => inodes.has(/^socket:\[(\d+)\]$/.exec(link)?.[1] ?? ''));
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return inodes.size === 0 ? undefined : pids.map(Number).find(holdsSocket);
}

/** Inode numbers of the sockets that listen on `port`, from the text of /proc/net/tcp or tcp6. */
export function listeningInodes(table: string, port: number): string[] {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return table
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, address = '', , state]) => state === LISTENING && address.endsWith(local))
    .flatMap((fields) => fields[9] ?? []);
}

/** Where the links in a folder point to; without those that are gone or not ours. */
function linksOf(folder: string): string[] {
  const names = orNothing(() => readdirSync(folder)) ?? [];
  return names.flatMap((name) => orNothing(() => readlinkSync(`${folder}/${name}`)) ?? []);
}

/** Processes and their files come and go while we look, and some we may not see. */
function orNothing<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}

function ownerByLsof(port: number): number | undefined {
  const { stdout } = spawnSync('lsof', ['-nP', '-t', `-iTCP:${port}`, '-sTCP:LISTEN'], { encoding: 'utf8' });
  return stdout ? Number.parseInt(stdout, 10) : undefined;
}
