import type { ComponentChildren } from 'preact';

export interface Column<R> {
  head: string;
  cell: (row: R) => ComponentChildren;
  /** Digits stand below each other. */
  number?: boolean;
}

interface Props<R> {
  /** For those who do not see it. */
  caption: string;
  columns: readonly Column<R>[];
  rows: readonly R[];
  keyOf: (row: R) => string;
}

/** A table; on a phone each row is a card. The roles keep it a table there. */
export function Table<R>({ caption, columns, rows, keyOf }: Props<R>) {
  return (
    <table class="table" role="table" aria-label={caption}>
      <thead role="rowgroup">
        <tr role="row">
          {columns.map(({ head, number }) => (
            <th key={head} role="columnheader" scope="col" data-number={number}>
              {head === '' ? <span class="sr">Actions</span> : head}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {rows.map((row) => (
          <tr key={keyOf(row)} role="row">
            {columns.map(({ head, cell, number }) => (
              <td key={head} role="cell" data-label={head} data-number={number}>
                {cell(row)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
