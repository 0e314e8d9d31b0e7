import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { REPOSITORY } from '../../stack/environment.ts';
import { PLANTED } from './planted.ts';

const bugs = PLANTED.flatMap((group) => group.bugs);

test.for(bugs)('the place of a planted bug is there, once: $file $find', ({ file, find }) => {
  expect(readFileSync(join(REPOSITORY, file), 'utf8').split(find)).toHaveLength(2);
});
