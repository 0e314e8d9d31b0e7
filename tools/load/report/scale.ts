import type { Axis } from './section.ts';

/** Maps values of an axis to a share of its length, and says where its ticks are. */
export interface Scale {
  at: (value: number) => number;
  ticks: readonly number[];
}

/** About this many ticks on a linear axis. */
const TICKS = 6;

/** A linear scale starts at zero, so that what is flat looks flat. A logarithmic one spans whole powers of ten. */
export const scaleOf = ({ logarithmic = false }: Axis, values: readonly number[]): Scale =>
  logarithmic ? logarithmicScale(values.filter((value) => value > 0)) : linearScale(values);

function linearScale(values: readonly number[]): Scale {
  const max = Math.max(0, ...values);
  const step = niceStep((max || 1) / TICKS);
  const steps = Math.max(1, Math.ceil(max / step));
  return {
    at: (value) => value / (steps * step),
    ticks: Array.from({ length: steps + 1 }, (_, n) => n * step),
  };
}

function logarithmicScale(values: readonly number[]): Scale {
  const low = Math.floor(Math.log10(Math.min(...values, 1)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values, 1))));
  return {
    at: (value) => (Math.log10(value) - low) / (high - low),
    ticks: Array.from({ length: high - low + 1 }, (_, n) => 10 ** (low + n)),
  };
}

/** The next of 1, 2, 5, 10, 20, … and 0.5, 0.2, … */
function niceStep(atLeast: number): number {
  const power = 10 ** Math.floor(Math.log10(atLeast));
  return power * ([1, 2, 5].find((factor) => factor * power >= atLeast) ?? 10);
}
