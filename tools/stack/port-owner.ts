import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { allPids, commandLine, orNothing } from './processes.ts';

/** Why we cannot listen on `port`, and what to do; `advice` completes "End it, or …". */
export function portTakenMessage(port: number, advice: string): string {
  const pid = portOwner(port);
  const owner =
    pid === undefined ? 'a process of another user' : `pid ${pid} (${commandLine(pid) ?? 'unknown command'})`;
  return `Port ${port} is taken by ${owner}. End it, or ${advice}.`;
}

/** The process that listens on a TCP port; undefined when none does, or we may not see it. */
export function portOwner(port: number): number | undefined {
  const tables = ['tcp', 'tcp6'].map((name) => orNothing(() => readFileSync(`/proc/net/${name}`, 'latin1')));
  if (tables[0] === undefined)
    return (
      parseInt(spawnSync('lsof', ['-nPt', `-iTCP:${port}`, '-sTCP:LISTEN'], { encoding: 'utf8' }).stdout) ||
      undefined
    );
  const sockets = tables
    .flatMap((table = '') => listeningInodes(table, port))
    .map((inode) => `socket:[${inode}]`);
  const isOpen = (path: string) => sockets.includes(orNothing(() => readlinkSync(path)) ?? '');
  const files = (pid: number) => orNothing(() => readdirSync(`/proc/${pid}/fd`)) ?? [];
  return sockets.length === 0
    ? undefined
    : allPids().find((pid) => files(pid).some((fd) => isOpen(`/proc/${pid}/fd/${fd}`)));
}

/** TCP state "listening" in /proc/net/tcp. */
const LISTENING = '0A';

/** Inode numbers of the sockets that listen on `port`, from the text of /proc/net/tcp or tcp6. */
export function listeningInodes(table: string, port: number): string[] {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return table
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, address = '', , state]) => state === LISTENING && address.endsWith(local))
    .flatMap((fields) => fields[9] ?? []);
}
