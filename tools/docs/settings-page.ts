import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { REPOSITORY } from '../stack/environment.ts';
import { page, type Page } from './markdown.ts';
import { withTables } from './settings.ts';

/** docs/CONFIGURATION.md as it must be: with the settings of now, and formatted. */
export async function currentPage(): Promise<Page> {
  const { path, text } = page('docs/CONFIGURATION.md');
  const style = await resolveConfig(join(REPOSITORY, path));
  return { path, text: await format(withTables(text), { ...style, parser: 'markdown' }) };
}
