import type { Latency } from '../latency.ts';
import { type Table, tableOf } from './section.ts';

/** With three significant digits below a hundred, and no decimals above or in whole numbers. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (Math.abs(value) >= 100 || Number.isInteger(value)) return Math.round(value).toLocaleString('en');
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}

export const pair = (a: number, b: number): string => `${number(a)} / ${number(b)}`;
export const p50p99 = ({ latency }: { latency: Latency }): string => pair(latency.p50, latency.p99);
export const mib = (bytes: number): string => number(bytes / 2 ** 20);
export const kib = (bytes: number): string => number(bytes / 1024);

/** A table in Markdown. */
export function tableText({ head, rows }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rule = head.map((_, column) => (column === 0 ? '---' : '---:'));
  return [head, rule, ...rows].map(line).join('\n');
}

export interface CpuRow {
  name: string;
  /** By process or role, milliseconds per 1,000. */
  cpu: Record<string, number>;
  /** Of all servers together. */
  servers?: number;
}

/** CPU time for 1,000 messages, a column for each process or role. */
export function cpuTable(rows: readonly CpuRow[]): Table {
  const names = [...new Set(rows.flatMap(({ cpu }) => Object.keys(cpu)))];
  const totals = rows.some(({ servers }) => servers !== undefined);
  return tableOf(rows, {
    'CPU ms per 1,000': ({ name }) => name,
    ...(totals && { 'servers together': ({ servers = NaN }) => number(servers) }),
    ...Object.fromEntries(names.map((name) => [name, ({ cpu }: CpuRow) => number(cpu[name] ?? NaN)])),
  });
}
