import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { REPOSITORY } from './stack/environment.ts';

/** What must pass before a commit: name, and the program with its arguments. */
const CHECKS = [
  ['types', 'typescript/bin/tsc', '--noEmit'],
  ['types of the pages', 'typescript/bin/tsc', '-p', 'web'],
  ['lint', 'eslint/bin/eslint.js', '.'],
  ['unused', 'knip/bin/knip.js', '--no-progress'],
  ['format', 'prettier/bin/prettier.cjs', '--check', '--log-level=warn', '.'],
] as const;

/** Runs one check; prints its output when it fails, and a line with its time in any case. */
function check([name, program, ...args]: (typeof CHECKS)[number]): Promise<boolean> {
  const began = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(REPOSITORY, 'node_modules', program), ...args], {
      cwd: REPOSITORY,
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => {
      const seconds = ((performance.now() - began) / 1000).toFixed(1);
      if (code !== 0) console.log(output.trimEnd());
      console.log(`${code === 0 ? '✔' : '✖'} ${name} ${seconds} s`);
      resolve(code === 0);
    });
  });
}

let passed = true;
for (const one of CHECKS) passed = (await check(one)) && passed;
process.exitCode = passed ? 0 : 1;
