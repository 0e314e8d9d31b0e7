/** The result of a scenario, for people and for programs. */
export interface Section {
  title: string;
  tables: Table[];
  charts?: Chart[];
  data: unknown;
}

/** The first column is text, the others are numbers. */
export interface Table {
  head: readonly string[];
  rows: readonly (readonly string[])[];
}

/** A chart of lines. */
export interface Chart {
  /** Of the file. */
  name: string;
  title: string;
  x: Axis;
  y: Axis;
  lines: readonly Line[];
}

export interface Line {
  name: string;
  points: readonly (readonly [number, number])[];
}

export interface Axis {
  name: string;
  /** For values of several magnitudes. */
  logarithmic?: boolean;
}

type Columns<T, V> = Record<string, (item: T) => V>;

/** A table with a row for each item. */
export const tableOf = <T>(items: readonly T[], columns: Columns<T, string>): Table => ({
  head: Object.keys(columns),
  rows: items.map((item) => Object.values(columns).map((cell) => cell(item))),
});

/** Lines with a point for each item. */
export const linesOf = <T>(items: readonly T[], x: (item: T) => number, lines: Columns<T, number>): Line[] =>
  Object.entries(lines).map(([name, y]) => ({ name, points: items.map((item) => [x(item), y(item)]) }));
