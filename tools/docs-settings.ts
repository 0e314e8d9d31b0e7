import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { currentPage } from './docs/settings-page.ts';
import { REPOSITORY } from './stack/environment.ts';

/** `npm run docs:settings`: writes the tables of settings into docs/CONFIGURATION.md, from the schemas. */
const { path, text } = await currentPage();
writeFileSync(join(REPOSITORY, path), text);
