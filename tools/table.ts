/** Rows as lines whose cells stand below each other: the first cell of a row on the left of its column, others as told. */
export function table(rows: readonly (readonly string[])[], align: 'left' | 'right' = 'left'): string[] {
  const columns = Math.max(0, ...rows.map(({ length }) => length));
  const widths = Array.from({ length: columns }, (_, n) =>
    Math.max(...rows.map((row) => row[n]?.length ?? 0)),
  );
  const pad = (cell: string, n: number) =>
    n > 0 && align === 'right' ? cell.padStart(widths[n] ?? 0) : cell.padEnd(widths[n] ?? 0);
  return rows.map((row) => `  ${row.map(pad).join('  ')}`.trimEnd());
}
