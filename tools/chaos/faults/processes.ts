import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ServiceKind } from '../../stack/service.ts';
import type { ProcessHandle } from '../../testkit/process-handle.ts';
import type { ProcessClock } from '../clock/clock.ts';
import type { ChaosEnvironment } from '../environment.ts';
import { any, noTime, type Target, target, type Targets } from './fault.ts';

const START_TRIES = 3;
/** Starts that are cut off before the one that may finish, and the time of each, milliseconds. */
const CUT_STARTS = { most: 3, minMs: 20, maxMs: 2_500 };

/** A service, a server, or a process with clients. */
type Process = Pick<ProcessHandle, 'name' | 'signal' | 'restart'> & { kill(): Promise<unknown> };

/** A server that was killed may need a moment until what it left behind is gone. */
async function restart(process: Process): Promise<void> {
  for (let tries = 1; ; tries++)
    try {
      await process.restart();
      return;
    } catch (error) {
      if (tries === START_TRIES) throw error;
    }
}

const hurtsOf = ({ name }: Process) => (name.startsWith('rabbitmq') ? 'the broker' : name);

export const kill = (process: Process): Target =>
  target(
    process.name,
    async () => {
      await process.kill();
      return ['kill -9, down', () => restart(process)];
    },
    (random) => random.integer(0, 4_000),
    hurtsOf(process),
  );

/** Kills it while it starts, up to three times in a row: files half written must not keep it from starting. */
export const killStarting = (handle: ProcessHandle, afterwards = (): string => ''): Target =>
  target(
    handle.name,
    async (random) => {
      const { most, minMs, maxMs } = CUT_STARTS;
      const cuts = Array.from({ length: random.integer(1, most) }, () => random.integer(minMs, maxMs));
      await handle.kill();
      for (const ms of cuts) await startAndKill(handle, ms);
      const also = random.chance(0.5) ? afterwards() : '';
      return [`kill -9, and again ${cuts.join(', ')} ms after its start${also}`, () => restart(handle)];
    },
    noTime,
    hurtsOf(handle),
  );

async function startAndKill({ spec }: ProcessHandle, afterMs: number): Promise<void> {
  const child = await spec.launch();
  await Promise.race([child.exited, delay(afterMs)]);
  child.kill('SIGKILL');
  await child.exited;
  await spec.afterExit?.();
}

/** Now and then PostgreSQL dies between the creation of its pid file and the first byte in it. */
export const killStartingDatabase: Targets = ({ system }) =>
  databases({ system }).map((handle) =>
    killStarting(handle, () => {
      writeFileSync(join(system.dataDir, 'postgres/cluster/postmaster.pid'), '');
      return '; its pid file is empty';
    }),
  );

export const freeze = (process: Process): Target =>
  target(
    process.name,
    () => {
      process.signal('SIGSTOP');
      return ['SIGSTOP', () => process.signal('SIGCONT')];
    },
    any,
    hurtsOf(process),
  );

/** As in a deploy: SIGTERM, its orderly end, and a new process in its place. */
export const deploy = (handle: ProcessHandle): Target =>
  target(
    handle.name,
    () => [
      'SIGTERM and a new process',
      () =>
        handle.restart().catch(async (error: unknown) => {
          await restart(handle); // the run goes on; the report says that it did not end in order
          throw error;
        }),
    ],
    noTime,
  );

/** The clock of a process is wrong for a while; other faults may hit the process meanwhile. */
export const shiftClock = (name: string, clock: ProcessClock | undefined, most: number, unitMs: number) =>
  target(
    name,
    (random) => {
      const units = random.integer(1, most) * (random.chance(0.5) ? 1 : -1);
      clock?.shift(units * unitMs);
      return [`clock wrong by ${(units * unitMs) / 1_000} s`, () => clock?.shift(0)];
    },
    any,
    `${name}, its clock`,
  );

type Servers = Pick<ChaosEnvironment, 'system'>;
export const services = (kind: ServiceKind, fault: (handle: ProcessHandle) => Target) => (from: Servers) =>
  from.system.of(kind).map((handle) => fault(handle));
export const brokers = ({ system }: Servers) => system.backends?.brokers ?? [];
export const databases = ({ system: { backends } }: Servers) => (backends ? [backends.database] : []);
export const poolers = ({ system: { pooler } }: Servers) => (pooler ? [pooler] : []);
