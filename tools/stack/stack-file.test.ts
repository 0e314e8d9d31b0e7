import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readStackFile, writeStackFile } from './stack-file.ts';

function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sixfold-stack-file-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

test('what is written is read, and no draft stays', () => {
  const folder = temporary();
  const stack = { gateways: ['ws://127.0.0.1:1/ws'], processes: [{ name: 'ack-1', pid: 1 }] };
  writeStackFile(folder, stack);
  expect(readStackFile(folder)).toEqual(stack);
  expect(readdirSync(folder)).toEqual(['stack.json']);
});

test.for(['', '{"gateways":[', 'null', '{}', '{"gateways":[]}', '\0\0'])(
  'a damaged file counts as none: %j',
  (text) => {
    const folder = temporary();
    writeFileSync(join(folder, 'stack.json'), text);
    expect(readStackFile(folder)).toBeUndefined();
  },
);
