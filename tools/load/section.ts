/** What a scenario found out, as data and for people. */
export interface Section {
  title: string;
  tables: Table[];
  charts: Chart[];
  /** For programs. */
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
