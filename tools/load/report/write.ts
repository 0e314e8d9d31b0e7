import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LoadResult } from '../run.ts';
import { number, tableText } from './format.ts';
import { svgOf } from './svg.ts';

/** Writes the results as Markdown and JSON, and each chart as SVG. @returns the files */
export function writeResults(folder: string, result: LoadResult): string[] {
  const charts = Object.values(result.sections).flatMap((section) => section.charts ?? []);
  const files = {
    'results.md': markdownOf(result),
    'results.json': jsonOf(result),
    ...Object.fromEntries(charts.map((chart) => [`${chart.name}.svg`, svgOf(chart)])),
  };
  mkdirSync(folder, { recursive: true });
  return Object.entries(files).map(([name, content]) => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  });
}

/** The results, for people. */
export function markdownOf({ host, sections }: LoadResult): string {
  const where =
    `${host.at}: ${host.cpus} x ${host.model}, Linux ${host.kernel}, Node ${host.node}, commit ${host.commit}. ` +
    `Others used ${number(host.busyBefore * 100)} % of the machine before the run.`;
  const parts = Object.values(sections).flatMap(({ title, tables, charts = [] }) => [
    `## ${title}`,
    ...tables.map(tableText),
    ...charts.map(({ name, title: text }) => `![${text}](${name}.svg)`),
  ]);
  return `${[where, ...parts].join('\n\n')}\n`;
}

/** The results, for programs, by the name of the scenario. */
function jsonOf({ host, options, sections }: LoadResult): string {
  const data = Object.fromEntries(Object.entries(sections).map(([name, section]) => [name, section.data]));
  return `${JSON.stringify({ host, options, ...data }, undefined, 2)}\n`;
}
