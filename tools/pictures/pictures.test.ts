import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { REPOSITORY } from '../stack/environment.ts';
import { MAX_PICTURE_BYTES, NAMES, pathOf, recorded, sourceHash } from './catalogue.ts';

const readme = readFileSync(join(REPOSITORY, 'README.md'), 'utf8');

test.each(NAMES)('%s is current, small, and in the README; `npm run pictures` makes it', (name) => {
  expect(recorded()[name], 'run `npm run pictures`').toBe(sourceHash(name));
  expect(statSync(pathOf(name)).size).toBeLessThan(MAX_PICTURE_BYTES);
  expect(readme).toContain(`docs/pictures/${name}`);
});
