import { connect } from 'node:net';
import { supervisorPid } from './lock.ts';
import { isRunning, processesOfStack, uptimeSeconds } from './processes.ts';
import { isReady } from './service.ts';
import { readStackFile, type StackProcess } from './stack-file.ts';
import { table } from './summary.ts';

/** The state of a stack, as text for people, and whether it runs. */
export async function stackStatus(dataDir: string): Promise<{ running: boolean; text: string }> {
  const supervisor = supervisorPid(dataDir);
  const stack = readStackFile(dataDir);
  if (supervisor === undefined) return { running: false, text: notRunning(dataDir) };
  if (!stack) return { running: true, text: `Starting or stopping (supervisor pid ${supervisor}).` };
  const rows = await Promise.all(stack.processes.map(row));
  return { running: true, text: table([['name', 'pid', 'port', 'state', 'uptime'], ...rows]) };
}

function notRunning(dataDir: string): string {
  const left = processesOfStack(dataDir);
  if (left.length === 0) return `Not running (data in ${dataDir}). Start it with: npm start`;
  return `Its supervisor is gone, but pids ${left.join(', ')} still run (data in ${dataDir}).\nnpm stop ends them, npm start starts over.`;
}

async function row(process: StackProcess): Promise<string[]> {
  const { name, pid, port } = process;
  const state = isRunning(pid) ? await aliveState(process) : 'down';
  return [name, String(pid), port === undefined ? '' : String(port), state, uptime(pid)];
}

async function aliveState({ http, port }: StackProcess): Promise<string> {
  if (http !== undefined) return (await isReady(http).catch(() => false)) ? 'ready' : 'up, not ready';
  if (port !== undefined) return (await isListening(port)) ? 'ready' : 'up, not ready';
  return 'up';
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: 1_000 }, () => resolve(true));
    socket.on('timeout', () => socket.destroy());
    socket.on('error', () => resolve(false));
    socket.on('close', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}

/** "3 d 4 h", "2 h 5 min", "12 s": the two largest units. */
export function formatDuration(seconds: number): string {
  const units: [string, number][] = [
    ['d', 86_400],
    ['h', 3_600],
    ['min', 60],
    ['s', 1],
  ];
  const parts = units.map(([unit, size], i) => {
    const above = units[i - 1]?.[1] ?? Infinity;
    return { unit, count: Math.floor((seconds % above) / size) };
  });
  const first = parts.findIndex(({ count }) => count > 0);
  if (first < 0) return '0 s';
  const shown = parts.slice(first, first + 2).filter(({ count }) => count > 0);
  return shown.map(({ unit, count }) => `${count} ${unit}`).join(' ');
}

function uptime(pid: number): string {
  const seconds = uptimeSeconds(pid);
  return seconds === undefined ? '' : formatDuration(seconds);
}
