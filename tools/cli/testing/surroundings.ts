import { PassThrough } from 'node:stream';
import type { Surroundings } from '../surroundings.ts';

/** Surroundings whose output a test reads. */
export interface TestSurroundings extends Surroundings {
  input: PassThrough;
  text: () => string;
  errorText: () => string;
}

export function testSurroundings(env: NodeJS.ProcessEnv = {}): TestSurroundings {
  const [input, output, errors] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const texts = { output: '', errors: '' };
  output.on('data', (chunk: Buffer) => (texts.output += chunk.toString()));
  errors.on('data', (chunk: Buffer) => (texts.errors += chunk.toString()));
  return {
    ...{ env, input, output, errors },
    onInterrupt: () => () => undefined,
    text: () => texts.output,
    errorText: () => texts.errors,
  };
}
