import type { Crew } from '../crew.ts';
import type { Dice } from '../../testkit/dice.ts';
import type { TokenEndpoint } from '../token-endpoint.ts';
import type { World } from '../world.ts';
import { any, long, type Target, type Wound } from './fault.ts';

/** One target for each client process. @param what of it is hurt; by default all of it */
export const crews =
  (hurt: (crew: Crew, dice: Dice) => Promise<Wound> | Wound, what = '') =>
  (world: World) =>
    world.crews.map((crew) => ({
      name: crew.name,
      hurts: crew.name + what,
      strike: (dice: Dice) => hurt(crew, dice),
    }));

export async function killCrew(crew: Crew, dice: Dice): Promise<Wound> {
  const lastsMs = dice.whole(0, 4_000);
  await crew.kill();
  return { what: `kill -9, away for ${lastsMs} ms`, lastsMs, heal: () => crew.start() };
}

export function freezeCrew(crew: Crew, dice: Dice): Wound {
  const lastsMs = any(dice);
  crew.freeze();
  return { what: `SIGSTOP for ${lastsMs} ms`, lastsMs, heal: () => crew.thaw() };
}

const YEAR_MS = 365 * 24 * 3_600_000;

/** A device whose clock is years ahead or behind, for a while. */
export function shiftCrewClock(crew: Crew, dice: Dice): Wound {
  const lastsMs = any(dice);
  const years = dice.whole(1, 20) * (dice.chance(0.5) ? 1 : -1);
  crew.clock.shift(years * YEAR_MS);
  return {
    what: `clock off by ${years} years for ${lastsMs} ms`,
    lastsMs,
    heal: () => crew.clock.shift(0),
  };
}

/** The disk of the clients' storage is full for a while. */
function fillDisk(crew: Crew, dice: Dice): Wound {
  const lastsMs = any(dice);
  crew.disk?.fill();
  return { what: `its disk full for ${lastsMs} ms`, lastsMs, heal: () => crew.disk?.free() };
}

/** Only where client processes have disks of their own: to mount one takes root. */
export const disks = (world: World): Target[] =>
  crews(fillDisk, ', its disk')(world).filter((_, n) => world.crews[n]?.disk !== undefined);

/** Where clients get their tokens: down, silent, or talking nonsense. */
export const tokenEndpoint =
  (mode: Exclude<TokenEndpoint['mode'], 'answers'>) =>
  ({ tokens }: World): Target[] => [
    {
      name: 'the token endpoint',
      hurts: 'the token endpoint',
      strike: (dice) => {
        const lastsMs = long(dice);
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
