import type { ImportGraph } from './graph.ts';

/** The circles of a graph, one for each import that closes one: a path whose last file imports its first. */
export function circlesOf(graph: ImportGraph): string[][] {
  const circles: string[][] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string) => {
    const began = path.indexOf(file);
    if (began >= 0) circles.push(path.slice(began));
    if (began >= 0 || done.has(file)) return;
    path.push(file);
    for (const imported of graph.get(file) ?? []) visit(imported);
    path.pop();
    done.add(file);
  };
  for (const file of graph.keys()) visit(file);
  return circles;
}
