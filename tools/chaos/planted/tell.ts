import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { progressLine } from '../../progress.ts';
import { findPlanted, PLANTED } from './planted.ts';

/** Plants all bugs, group by group, and says which ones chaos found. @returns whether it found all */
export async function tellPlanted(): Promise<boolean> {
  const parent = mkdtempSync(join(tmpdir(), 'sixfold-planted-'));
  const line = progressLine();
  let foundAll = true;
  try {
    for (const group of PLANTED) {
      const { found, missing } = await findPlanted(group, { parent, progress: line });
      line.done();
      console.log(`${missing.length === 0 ? 'found' : 'MISSED'}: ${group.what}`);
      if (missing.length === 0) continue;
      foundAll = false;
      console.log([...missing.map((one) => `  nothing like ${one}`), '  but', ...found].join('\n  '));
    }
    return foundAll;
  } finally {
    line.done();
    rmSync(parent, { recursive: true, force: true, maxRetries: 3 });
  }
}
