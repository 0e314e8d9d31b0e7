import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { REPOSITORY } from '../stack/environment.ts';

/** A page of the documentation. */
export interface Page {
  /** Relative to the root of the repository. */
  path: string;
  text: string;
}

/** All pages: those in the root folder, and those in docs/. */
export function pages(): Page[] {
  const within = (folder: string) => readdirSync(join(REPOSITORY, folder)).map((name) => join(folder, name));
  return [...within('.'), ...within('docs')].filter((path) => path.endsWith('.md')).map(page);
}

export const page = (path: string): Page => ({ path, text: readFileSync(join(REPOSITORY, path), 'utf8') });

/** Page text without its code blocks. */
const prose = ({ text }: Page) => text.replace(/^```[^]*?^```$/gm, '');

/** A table row, by the titles of its columns. */
export type Row = Readonly<Record<string, string>>;

/** The rows of all tables whose first column has this title. */
export function rows(of: Page, title: string): Row[] {
  const tables = prose(of)
    .split(/\n(?!\|)/)
    .map((block) =>
      block
        .split('\n')
        .filter((line) => line.startsWith('|'))
        .map(cells),
    );
  return tables
    .filter(([head]) => head?.[0] === title)
    .flatMap(([head = [], , ...body]) =>
      body.map((row) => Object.fromEntries(head.map((name, i) => [name, row[i] ?? '']))),
    );
}

const cells = (line: string) =>
  line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());

/** What stands in backticks, outside of code blocks. */
export const codeSpans = (of: Page): string[] =>
  [...prose(of).matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span);

/** The first thing in backticks in a table cell. */
export const firstSpan = (cell = ''): string => /`([^`]+)`/.exec(cell)?.[1] ?? '';

/** Targets of all links. */
export const links = (of: Page): string[] =>
  [...prose(of).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);

/** The anchors that a page's headings make, as GitHub names them. */
export const anchors = (of: Page): string[] =>
  [...prose(of).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\- ]/gu, '')
      .replaceAll(' ', '-'),
  );
