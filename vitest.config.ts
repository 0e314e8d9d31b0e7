import { defineConfig } from 'vitest/config';
import { SlowestFirst } from './test/harness/slowest-first.ts';

export default defineConfig({
  test: {
    sequence: { sequencer: SlowestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{libs,services,tools}/**/*.test.ts'],
        },
      },
      {
        test: {
          name: 'system',
          include: ['test/**/*.test.ts'],
          globalSetup: ['test/harness/global-setup.ts'],
          // Each file has a stack of several processes, which wait most of the time: two files at a time fill two cores.
          maxWorkers: 2,
          testTimeout: 60_000,
          hookTimeout: 120_000,
          // Tests of a file that run side by side have processes of their own.
          maxConcurrency: 2,
        },
      },
    ],
  },
});
