import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { run } from '../tools/cli/program.ts';
import { debianProgram } from '../tools/stack/install.ts';
import { until } from './harness/wait.ts';

/** The Tab key in real shells, in a pseudo-terminal, with the script that `sixfold completion` prints. */

/** `sixfold` shows what the shell made of the line. The echo of this text is no prompt. */
const START = `sixfold() { printf '<%s>' "$@"; echo END; }; PS1='rea''dy> '; source ./completion`;

const SHELLS = {
  bash: { command: 'bash --norc --noprofile -i', start: START },
  // zsh must not write what it compiles to the home folder.
  zsh: { command: 'zsh -f -i', start: `autoload -Uz compinit && compinit -D; ${START}` },
};

let folder: string;

beforeAll(async () => {
  await debianProgram('zsh');
  folder = mkdtempSync(join(tmpdir(), 'sixfold-completion-'));
  mkdirSync(join(folder, 'one place'));
  writeFileSync(join(folder, 'one.env'), '');
});

afterAll(() => rmSync(folder, { recursive: true }));

async function scriptFor(shell: string): Promise<string> {
  const output = new PassThrough();
  const stream = new PassThrough();
  await run(['completion', shell], {
    ...{ env: {}, input: stream, output, errors: stream },
    onInterrupt: () => () => undefined,
  });
  return String(output.read());
}

describe.each(['bash', 'zsh'] as const)('%s', (shell) => {
  test.each([
    ['a command', 'sen\thello', '<send><hello>'],
    ['an option', 'send --js\thello', '<send><--json><hello>'],
    ['an option after the body', 'send hello --js\t', '<send><hello><--json>'],
    ['a value', 'send --wait del\t--json', '<send><--wait><delivered><--json>'],
    ['a value after =', 'send --wait=del\t--json', '<send><--wait=delivered><--json>'],
    ['a folder, and no file', 'chat --storage on\t', '<chat><--storage><one place'],
    ['a file', 'doctor --settings one.\t', '<doctor><--settings><one.env>'],
    ['an argument', 'completion ba\t', '<completion><bash>'],
    ['a command to be helped with', 'help lis\t', '<help><listen>'],
    ['no text', `send "it's on\t"`, "<send><it's on>"],
  ])('it completes %s', async (_, keys, expected) => {
    writeFileSync(join(folder, 'completion'), await scriptFor(shell));
    const { command, start } = SHELLS[shell];
    const child = spawn('script', ['-qfec', `stty cols 300; ${command}`, '/dev/null'], {
      cwd: folder,
      env: { ...process.env, TERM: 'dumb', HOME: folder },
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    let screen = '';
    child.stdout.on('data', (chunk: Buffer) => (screen += stripVTControlCharacters(chunk.toString())));
    const shows = (what: string) =>
      until(() => screen.includes(what), { what: `${what} on the screen`, timeoutMs: 60_000 }).catch(
        (error: unknown) => {
          throw new Error(`the screen:\n${screen}`, { cause: error });
        },
      );
    child.stdin.write(`${start}\r`);
    await shows('ready> ');
    child.stdin.write(`sixfold ${keys}\r`);
    await shows('END\r');
    expect(screen).toContain(expected);
  });
});
