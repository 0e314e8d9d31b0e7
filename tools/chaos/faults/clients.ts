import type { TokenEndpoint } from '../token-endpoint.ts';
import { any, type Begun, long, target, type Targets } from './fault.ts';
import { shiftClock } from './processes.ts';

const YEAR_MS = 365 * 24 * 3_600_000;
const MOST_YEARS = 20;

/** The clock of a device is years wrong. */
export const clientClocks: Targets = ({ clientProcesses }) =>
  clientProcesses.flatMap(({ name, clock }) => (clock ? [shiftClock(name, clock, MOST_YEARS, YEAR_MS)] : []));

/** The disk of the clients' storage is full. Client processes have disks of their own only if we may mount one. */
export const fullDisks: Targets = ({ clientProcesses }) =>
  clientProcesses.flatMap(({ name, disk }) => {
    if (!disk) return [];
    const fill = (): Begun => {
      disk.fill();
      return ['its disk full', () => disk.free()];
    };
    return [target(name, fill, any, `${name}, its disk`)];
  });

/** The back end that gives tokens to clients is down, silent, or answers nonsense. */
export const tokenEndpoint =
  (mode: Exclude<TokenEndpoint['mode'], 'answers'>): Targets =>
  ({ tokens }) => {
    const begin = (): Begun => {
      tokens.mode = mode;
      return [mode, () => void (tokens.mode = 'answers')];
    };
    return [target('the token endpoint', begin, long)];
  };
