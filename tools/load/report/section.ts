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

/** A line with a point for each item. */
export const lineOf = <T>(
  name: string,
  items: readonly T[],
  x: (item: T) => number,
  y: (item: T) => number,
): Line => ({ name, points: items.map((item) => [x(item), y(item)] as const) });
