import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { findStage, TourError } from './stage.ts';

let data: string;

beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'sixfold-tour-'));
  for (const name of ['AUTH_SECRET', 'AUTH_JWKS_URL', 'AUTH_PUBLIC_KEY']) vi.stubEnv(name, '');
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(data, { recursive: true });
});

const stack = (...gateways: string[]) =>
  writeFileSync(join(data, 'stack.json'), JSON.stringify({ gateways, processes: [] }));
const secret = () => writeFileSync(join(data, 'secret'), ' s3cret\n');

test('finds the gateways and the secret of a running stack', () => {
  stack('ws://one/ws', 'ws://two/ws', 'ws://three/ws');
  secret();
  expect(findStage(data)).toEqual({ gateways: ['ws://one/ws', 'ws://two/ws'], secret: 's3cret' });
});

test('one gateway will do', () => {
  stack('ws://one/ws');
  secret();
  expect(findStage(data).gateways).toEqual(['ws://one/ws', 'ws://one/ws']);
});

test('says what to do when nothing runs', () => {
  expect(() => findStage(data)).toThrow(TourError);
  expect(() => findStage(data)).toThrow('Run npm start first');
});

test('says when it cannot make tokens that the gateways take', () => {
  stack('ws://one/ws');
  expect(() => findStage(data)).toThrow('tokens');
  secret();
  vi.stubEnv('AUTH_PUBLIC_KEY', 'a key');
  expect(() => findStage(data)).toThrow('tokens');
});
