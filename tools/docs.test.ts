import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { anchors, codeSpans, firstSpan, links, page, pages, rows } from './docs/markdown.ts';
import { metrics } from './docs/metrics.ts';
import { currentPage } from './docs/settings-page.ts';
import { settings } from './docs/settings.ts';
import { REPOSITORY } from './stack/environment.ts';

/** The documentation names what there is, all of it, and nothing else. Packets and codes: libs/protocol/docs.test.ts. */

const manifest = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8')) as Record<
  'dependencies' | 'devDependencies' | 'scripts',
  Record<string, string>
>;
const configuration = page('docs/CONFIGURATION.md');
const list = (cell = '') => cell.split(', ').filter((item) => item !== '');

describe('settings', () => {
  const all = settings();
  const documented = rows(configuration, 'Setting');

  test('every setting of every service stands in the tables, and no other', () => {
    const names = documented.map((row) => firstSpan(row['Setting']));
    expect(names.sort()).toEqual(all.map(({ name }) => name).sort());
  });

  test('the tables are current; `npm run docs:settings` writes them', async () => {
    expect(configuration.text).toBe((await currentPage()).text);
  });

  test.each(all)('$name has a meaning, and a unit where its name names one', ({ name, meaning, unit }) => {
    expect(meaning).toMatch(/\.$/);
    if (/_(MS|S|BYTES)$/.test(name)) expect(unit).toBeTruthy();
  });

  test.each(pages())('$path names only settings that exist, with their defaults', (one) => {
    for (const span of codeSpans(one).filter((text) => /^[A-Z]+(_[A-Z]+)+$/.test(text)))
      expect(all.map(({ name }) => name)).toContain(span.replace(/_FILE$/, ''));
    for (const [, name, value = ''] of one.text.matchAll(/`([A-Z_]+)`\s\(default\s([\d,]+)/g))
      expect(value.replaceAll(',', ''), name).toBe(all.find((setting) => setting.name === name)?.default);
  });
});

describe('metrics', async () => {
  const all = await metrics();
  const documented = rows(configuration, 'Metric');

  test('every metric stands in the table, and no other', () => {
    const names = documented.map((row) => firstSpan(row['Metric']));
    expect(names.sort()).toEqual(all.map(({ name }) => name).sort());
  });

  test.each(all)('$name: type and labels', ({ name, type, labels }) => {
    const row = documented.find((one) => firstSpan(one['Metric']) === name);
    expect(row?.['Type']).toBe(type);
    expect(row?.['Unit']).toBeTruthy();
    expect(list(row?.['Labels'])).toEqual(labels.map((label) => `\`${label}\``));
  });

  test.each(pages())('$path names only metrics that exist', (one) => {
    // sixfold_services and sixfold_operator are no metrics but users of broker and database.
    for (const name of one.text.match(/sixfold_(?!services|operator)\w+/g) ?? [])
      expect(all.map((metric) => metric.name)).toContain(name);
  });
});

test('every dependency has its reason, and nothing else is listed', () => {
  const documented = rows(page('docs/DEPENDENCIES.md'), 'Package').map((row) => firstSpan(row['Package']));
  const { dependencies, devDependencies } = manifest;
  expect(documented.sort()).toEqual(Object.keys({ ...dependencies, ...devDependencies }).sort());
});

describe.each(pages())('$path', (one) => {
  test('its links lead somewhere', () => {
    for (const target of links(one).filter((link) => !/^[a-z]+:/.test(link))) {
      const [file = '', anchor] = target.split('#');
      const path = file === '' ? one.path : join(dirname(one.path), file);
      expect(existsSync(join(REPOSITORY, path)), target).toBe(true);
      if (anchor !== undefined) expect(anchors(page(path)), target).toContain(anchor);
    }
  });

  test('the files and folders that it names exist', () => {
    const named = codeSpans(one).filter((span) =>
      /^(libs|services|tools|test|docs|deploy)\/[\w./-]+$/.test(span),
    );
    for (const path of named) expect(existsSync(join(REPOSITORY, path)), path).toBe(true);
  });

  test('the npm commands that it names exist', () => {
    for (const [, name = ''] of one.text.matchAll(/npm run (?:--silent )?([a-z][\w:]*)/g))
      expect(Object.keys(manifest.scripts)).toContain(name);
  });
});
