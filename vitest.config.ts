import { defineConfig } from 'vitest/config';
import { SlowestFirst } from './test/harness/slowest-first.ts';

export default defineConfig({
  test: {
    sequence: { sequencer: SlowestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          sequence: { groupOrder: 0 },
          include: ['{libs,services,tools,web}/**/*.test.ts'],
          // None of them leaves anything behind, and most of their time went into loading the same modules again.
          isolate: false,
          pool: 'threads',
          // A shared machine stalls for seconds at a time.
          testTimeout: 60_000,
          hookTimeout: 60_000,
          expect: { poll: { timeout: 45_000 } },
        },
      },
      {
        test: {
          name: 'system',
          sequence: { groupOrder: 1 },
          include: ['test/**/*.test.ts'],
          globalSetup: ['test/harness/global-setup.ts'],
          // Each file has a stack of several processes, which wait most of the time: a file uses about 0.3 cores.
          maxWorkers: 4,
          testTimeout: 240_000,
          hookTimeout: 300_000,
          expect: { poll: { timeout: 45_000 } },
          // Tests of a file that run side by side have processes of their own.
          maxConcurrency: 2,
        },
      },
    ],
  },
});
