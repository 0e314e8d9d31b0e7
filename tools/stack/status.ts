import { supervisorPid } from './lock.ts';
import { isRunning, processesOfStack, uptimeSeconds } from './processes.ts';
import { isPortFree } from './ports.ts';
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
  if (port !== undefined) return (await isPortFree(port)) ? 'up, not ready' : 'ready';
  return 'up';
}

/** "3 d 4 h", "2 h 5 min", "12 s": the two largest units. */
export function formatDuration(seconds: number): string {
  const units = [Infinity, 86_400, 3_600, 60, 1];
  const counts = ['d', 'h', 'min', 's'].map((unit, n) => {
    const [above = 1, size = 1] = units.slice(n);
    return { unit, count: Math.floor((seconds % above) / size) };
  });
  const first = counts.findIndex(({ count }) => count > 0);
  const shown = counts.slice(first < 0 ? -1 : first).slice(0, 2);
  const text = ({ unit, count }: (typeof shown)[number]) => `${count} ${unit}`;
  return shown
    .filter(({ count }, n) => n === 0 || count > 0)
    .map(text)
    .join(' ');
}

function uptime(pid: number): string {
  const seconds = uptimeSeconds(pid);
  return seconds === undefined ? '' : formatDuration(seconds);
}
