/** Numbers as people read them. */

const UNITS = [
  [86_400, 'd'],
  [3_600, 'h'],
  [60, 'min'],
] as const;

/** A duration in the largest unit that fits twice. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  const [size, unit] = UNITS.find(([least]) => seconds >= 2 * least) ?? [1, 's'];
  return `${Math.floor(seconds / size)} ${unit}`;
}

/** How long ago; a dash for never. */
export const age = (since: number | null | undefined, now: number): string =>
  since == null ? '–' : duration(now - since);

export function bytes(count: number): string {
  if (count < 1_000) return `${count} B`;
  const [size, unit] = count < 1e6 ? [1e3, 'kB'] : count < 1e9 ? [1e6, 'MB'] : [1e9, 'GB'];
  return `${short(count / size)} ${unit}`;
}

/** Three digits where there is a fraction. */
const short = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);

export const whole = (count: number): string => Math.round(count).toLocaleString('en');

export const rate = (perSecond: number): string =>
  perSecond === 0 ? '0' : perSecond >= 100 ? whole(perSecond) : short(perSecond);

/** Seconds as milliseconds. */
export const milliseconds = (seconds: number | null): string =>
  seconds === null ? '–' : `${seconds < 0.01 ? (seconds * 1_000).toFixed(1) : whole(seconds * 1_000)} ms`;

export const percent = (share: number | undefined): string =>
  share === undefined ? '–' : `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
