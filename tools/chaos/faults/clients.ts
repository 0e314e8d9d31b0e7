import type { ClientProcess } from '../client-process.ts';
import type { SeededRandom } from '../../testkit/seeded-random.ts';
import type { TokenEndpoint } from '../token-endpoint.ts';
import type { Environment } from '../environment.ts';
import { any, long, type Target, type Wound } from './fault.ts';

/** One target for each client process. @param what of it is hurt; by default all of it */
export const clientProcesses =
  (hurt: (clientProcess: ClientProcess, random: SeededRandom) => Promise<Wound> | Wound, what = '') =>
  (environment: Environment) =>
    environment.clientProcesses.map((clientProcess) => ({
      name: clientProcess.name,
      hurts: clientProcess.name + what,
      strike: (random: SeededRandom) => hurt(clientProcess, random),
    }));

export async function killClients(clientProcess: ClientProcess, random: SeededRandom): Promise<Wound> {
  const lastsMs = random.integer(0, 4_000);
  await clientProcess.kill();
  return { what: `kill -9, away for ${lastsMs} ms`, lastsMs, heal: () => clientProcess.start() };
}

export function freezeClients(clientProcess: ClientProcess, random: SeededRandom): Wound {
  const lastsMs = any(random);
  clientProcess.freeze();
  return { what: `SIGSTOP for ${lastsMs} ms`, lastsMs, heal: () => clientProcess.thaw() };
}

const YEAR_MS = 365 * 24 * 3_600_000;

/** A device whose clock is years ahead or behind, for a while. */
export function shiftClientsClock(clientProcess: ClientProcess, random: SeededRandom): Wound {
  const lastsMs = any(random);
  const years = random.integer(1, 20) * (random.chance(0.5) ? 1 : -1);
  clientProcess.clock.shift(years * YEAR_MS);
  return {
    what: `clock off by ${years} years for ${lastsMs} ms`,
    lastsMs,
    heal: () => clientProcess.clock.shift(0),
  };
}

/** The disk of the clients' storage is full for a while. */
function fillDisk(clientProcess: ClientProcess, random: SeededRandom): Wound {
  const lastsMs = any(random);
  clientProcess.disk?.fill();
  return { what: `its disk full for ${lastsMs} ms`, lastsMs, heal: () => clientProcess.disk?.free() };
}

/** Only where client processes have disks of their own: to mount one takes root. */
export const disks = (environment: Environment): Target[] =>
  clientProcesses(
    fillDisk,
    ', its disk',
  )(environment).filter((_, n) => environment.clientProcesses[n]?.disk !== undefined);

/** Where clients get their tokens: down, silent, or talking nonsense. */
export const tokenEndpoint =
  (mode: Exclude<TokenEndpoint['mode'], 'answers'>) =>
  ({ tokens }: Environment): Target[] => [
    {
      name: 'the token endpoint',
      hurts: 'the token endpoint',
      strike: (random) => {
        const lastsMs = long(random);
        tokens.mode = mode;
        return {
          what: `${mode} for ${lastsMs} ms`,
          lastsMs,
          heal: () => {
            tokens.mode = 'answers';
          },
        };
      },
    },
  ];
