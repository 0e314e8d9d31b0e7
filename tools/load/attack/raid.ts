import { fork } from 'node:child_process';
import { once } from 'node:events';
import { constants, setPriority } from 'node:os';
import { join } from 'node:path';
import { childEnvironment, REPOSITORY } from '../../stack/environment.ts';
import { withLogFile } from '../../stack/log-file.ts';
import type { Orders, Report } from './raiders/attack.ts';

/** Attackers in a process of their own, so that timing honest users does not wait for them. */
export interface Raid {
  /** Resolves when the attack is at full strength: all are connected, or thrown out; of a storm, when it is over. */
  strong: Promise<void>;
  /** What they have done so far. */
  counts(): Readonly<Record<string, number>>;
  /** All of them vanish at once. */
  end(): Promise<void>;
}

/** Starts attackers. */
export function startRaid(dataDir: string, orders: Orders): Raid {
  const logFile = join(dataDir, 'logs', `${orders.attack}.log`);
  const child = withLogFile(logFile, (fd) =>
    fork(join(REPOSITORY, 'tools/load/attack/raiders/main.ts'), [JSON.stringify(orders)], {
      cwd: REPOSITORY,
      env: childEnvironment(dataDir, { NODE_OPTIONS: undefined }),
      execArgv: [],
      stdio: ['ignore', fd, fd, 'ipc'],
    }),
  );
  // Real attackers have processors of their own; these take only what the services leave.
  if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_LOW);
  let counts: Report['counts'] = {};
  const strong = new Promise<void>((resolve, reject) => {
    child.on('message', (report: Report) => {
      counts = report.counts;
      if (report.strong) resolve();
    });
    child.once('exit', () => reject(new Error(`the attackers ended by themselves; see ${logFile}`)));
  });
  strong.catch(() => undefined); // also when nobody waits any more
  return {
    strong,
    counts: () => counts,
    end: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
  };
}
