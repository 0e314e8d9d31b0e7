import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BenchResult } from '../run.ts';
import { jsonOf, markdownOf } from './markdown.ts';
import { svgOf } from './svg.ts';

/** Writes the results as Markdown and JSON, and each chart as SVG. @returns the files */
export function writeResults(folder: string, result: BenchResult): string[] {
  const charts = Object.values(result.sections).flatMap((section) => section.charts);
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
