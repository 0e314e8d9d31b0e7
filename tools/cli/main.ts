#!/usr/bin/env node
import { run } from './program.ts';

/** Calls `stop` at the first signal; the second one ends the program at once. */
function onInterrupt(stop: () => void): () => void {
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) process.once(signal, stop);
  return () => signals.forEach((signal) => process.off(signal, stop));
}

process.exitCode = await run(process.argv.slice(2), {
  env: process.env,
  input: process.stdin,
  output: process.stdout,
  errors: process.stderr,
  onInterrupt,
});
// Standard input may still be open.
process.stdin.destroy();
