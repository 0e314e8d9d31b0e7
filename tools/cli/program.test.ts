import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { signToken } from '../stack/token.ts';
import { EXIT } from './exit.ts';
import { program, run } from './program.ts';
import { testSurroundings } from './testing/surroundings.ts';

/** The command line itself: usage, help, exit codes. What commands do: test/cli.test.ts. */

const NOWHERE = 'ws://127.0.0.1:1/ws';
const TOKEN = await signToken('a secret of at least thirty-two bytes', 'alice');

async function cli(...args: string[]) {
  const surroundings = testSurroundings();
  const code = await run(args, surroundings);
  return { code, output: surroundings.text(), errors: surroundings.errorText() };
}

test.each([
  ['no command', []],
  ['an unknown command', ['fly']],
  ['no receiver', ['send', '--as', 'alice', 'hello']],
  ['no user', ['send', '--to', 'bob', 'hello', '--data', '/nowhere']],
  ['a name that is none', ['listen', '--as', 'a b']],
  ['a receiver that is none', ['send', '--as', 'alice', '--to', 'bob,c d', 'hello']],
  ['no secret', ['listen', '--as', 'alice', '--data', '/nowhere']],
  ['an address that is none', ['listen', '--as', 'alice', '--url', 'ftp://host']],
  ['a token that is none', ['listen', '--token', 'x']],
  ['a token of somebody else', ['listen', '--token', TOKEN, '--as', 'bob']],
  ['a token and a command', ['listen', '--token', TOKEN, '--token-command', 'true']],
  ['a body that is no JSON', ['send', '--token', TOKEN, '--to', 'bob', '--parse', '{']],
  ['an id for many bodies', ['send', '--token', TOKEN, '--to', 'bob', '--id', 'm1']],
])('%s is a wrong usage, and says what to do', async (_, args) => {
  const { code, output, errors } = await cli(...args);
  expect(code).toBe(EXIT.usage);
  expect(errors).not.toBe('');
  expect(output).toBe('');
  expect(errors).not.toContain(TOKEN);
});

test('no gateway: it says where, and what to do', async () => {
  const { code, errors } = await cli(
    ...[
      'send',
      '--token',
      TOKEN,
      '--to',
      'bob',
      'a secret body',
      '--url',
      NOWHERE,
      '--connect-timeout',
      '0.3',
    ],
  );
  expect(code).toBe(EXIT.unreachable);
  expect(errors).toMatch(/^No session at ws:\/\/127\.0\.0\.1:1\/ws within 0\.3 s \(.+\): .+\.\n$/);
});

test('a token command that fails is named, and what it printed is not', async () => {
  const { code, errors } = await cli(
    ...['listen', '--as', 'alice', '--token-command', 'echo very-secret; exit 3'],
    ...['--url', NOWHERE, '--connect-timeout', '2'],
  );
  expect(code).toBe(EXIT.unreachable);
  expect(errors).toContain('ended with exit code 3');
  expect(errors).not.toContain('very-secret');
});

const readme = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8');

test('the README has every exit code', () => {
  const codes = Array.from(readme.matchAll(/^\| (\d) /gm), ([, code]) => Number(code));
  expect(codes).toEqual(Object.values(EXIT));
});

describe.each(program(testSurroundings()).commands.map((command) => [command.name(), command] as const))(
  '%s',
  (name, command) => {
    test('its help says what it does, and what each option is for', async () => {
      const { code, output } = await cli(name, '--help');
      expect(code).toBe(EXIT.done);
      expect(output).toContain(`Usage: sixfold ${name}`);
      expect(command.description()).toMatch(/\.$/);
      for (const option of command.options) expect(option.description, option.long).not.toBe('');
    });

    test('the README names it', () => expect(readme).toContain(`sixfold ${name}`));
  },
);
