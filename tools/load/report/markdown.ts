import type { BenchResult } from '../run.ts';
import type { Table } from '../section.ts';
import { number } from './format.ts';

/** A table in Markdown. */
export function tableText({ head, rows }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rule = head.map((_, column) => (column === 0 ? '---' : '---:'));
  return [head, rule, ...rows].map(line).join('\n');
}

/** The results, for people. */
export function markdownOf({ host, sections }: BenchResult): string {
  const where =
    `${host.at}: ${host.cpus} x ${host.model}, Linux ${host.kernel}, Node ${host.node}, commit ${host.commit}. ` +
    `Others used ${number(host.busyBefore * 100)} % of the machine before the run.`;
  const parts = Object.values(sections).flatMap(({ title, tables, charts }) => [
    `## ${title}`,
    ...tables.map(tableText),
    ...charts.map(({ name, title: text }) => `![${text}](${name}.svg)`),
  ]);
  return `${[where, ...parts].join('\n\n')}\n`;
}

/** The results, for programs: what each scenario found, by its name. */
export function jsonOf({ host, options, sections }: BenchResult): string {
  const data = Object.fromEntries(Object.entries(sections).map(([name, section]) => [name, section.data]));
  return `${JSON.stringify({ host, options, ...data }, undefined, 2)}\n`;
}
