import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { SeededRandom } from '../../testkit/seeded-random.ts';
import type { ProcessHandle } from '../../testkit/process-handle.ts';
import type { Member } from '../member.ts';
import type { Environment } from '../environment.ts';
import { any, type Target } from './fault.ts';

const START_TRIES = 3;
/** Starts that are cut off before the one that may finish, and how long each may go on, milliseconds. */
const CUT_STARTS = { most: 3, minMs: 20, maxMs: 2_500 };

/** A server that was killed may need a moment until what it left behind is gone. */
async function restart(handle: ProcessHandle): Promise<void> {
  for (let tries = 1; ; tries++)
    try {
      await handle.restart();
      return;
    } catch (error) {
      if (tries === START_TRIES) throw error;
    }
}

const hurtsOf = (name: string) => (name.startsWith('rabbitmq') ? 'the broker' : name);

export function kill(handle: ProcessHandle): Target {
  return {
    name: handle.name,
    hurts: hurtsOf(handle.name),
    strike: async (random) => {
      const lastsMs = random.integer(0, 4_000);
      await handle.kill('SIGKILL');
      return { what: `kill -9, down for ${lastsMs} ms`, lastsMs, heal: () => restart(handle) };
    },
  };
}

/** Killed while it starts, up to three times in a row: what it had half written must not keep it from starting. */
export function killStarting(handle: ProcessHandle): Target {
  return {
    name: handle.name,
    hurts: hurtsOf(handle.name),
    strike: async (random) => {
      const { most, minMs, maxMs } = CUT_STARTS;
      const cuts = Array.from({ length: random.integer(1, most) }, () => random.integer(minMs, maxMs));
      await handle.kill('SIGKILL');
      for (const ms of cuts) await startAndKill(handle, ms);
      const what = `kill -9, and again ${cuts.join(', ')} ms after its start`;
      return { what, lastsMs: 0, heal: () => restart(handle) };
    },
  };
}

/** Likewise the database, now and then in the moment between the creation of its pid file and the first byte in it. */
export function killStartingDatabase(handle: ProcessHandle, dataDir: string): Target {
  const target = killStarting(handle);
  const pidFile = join(dataDir, 'postgres/cluster/postmaster.pid');
  return {
    ...target,
    strike: async (random) => {
      const wound = await target.strike(random);
      if (!random.chance(0.5)) return wound;
      writeFileSync(pidFile, '');
      return { ...wound, what: `${wound.what}; its pid file is empty` };
    },
  };
}

async function startAndKill({ spec }: ProcessHandle, afterMs: number): Promise<void> {
  const child = await spec.launch();
  await Promise.race([child.exited, delay(afterMs)]);
  child.kill('SIGKILL');
  await child.exited;
  await spec.afterExit?.();
}

export function freeze(handle: ProcessHandle): Target {
  return {
    name: handle.name,
    hurts: hurtsOf(handle.name),
    strike: (random) => {
      const lastsMs = any(random);
      handle.signal('SIGSTOP');
      return { what: `SIGSTOP for ${lastsMs} ms`, lastsMs, heal: () => handle.signal('SIGCONT') };
    },
  };
}

/** As in a deploy: SIGTERM, its orderly end, and a new process in its place. */
export function deploy(handle: ProcessHandle): Target {
  return {
    name: handle.name,
    hurts: handle.name,
    strike: () => ({
      what: 'SIGTERM and a new process',
      lastsMs: 0,
      heal: () =>
        handle.restart().catch(async (error: unknown) => {
          await restart(handle); // it did not end in order: that is for the report, and the run goes on
          throw error;
        }),
    }),
  };
}

/** Largest clock error, seconds. A gateway whose error exceeds the life of a token rightly refuses every login. */
const CLOCK_S = { gateway: 10, routing: 86_400, ack: 86_400 };

/** Its clock is wrong for a while. */
function shiftClock({ kind, process, clock }: Member): Target {
  return {
    name: process.name,
    hurts: `${process.name}, its clock`, // whatever else happens to it
    strike: (random: SeededRandom) => {
      const lastsMs = any(random);
      const seconds = random.integer(1, CLOCK_S[kind]) * (random.chance(0.5) ? 1 : -1);
      clock.shift(seconds * 1_000);
      return { what: `its clock off by ${seconds} s for ${lastsMs} ms`, lastsMs, heal: () => clock.shift(0) };
    },
  };
}

/** One target for each process of a kind. */
export const members =
  (kind: Member['kind'], hurt: (handle: ProcessHandle) => Target) => (environment: Environment) =>
    environment.members.filter((member) => member.kind === kind).map(({ process }) => hurt(process));

export const clocksOfServices = (environment: Environment): Target[] => environment.members.map(shiftClock);
