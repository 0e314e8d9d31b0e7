/** `npm run browsers` takes its time; `npm test` has a minute for all. */
const FULL = process.env['SIXFOLD_BROWSERS'] === 'full';

/** How much the scenarios do. */
export const SCALE = {
  /** How long a page has no network at least. */
  offlineMs: FULL ? 60_000 : 1_000,
  /** Messages in each direction while connections are cut. */
  cutMessages: FULL ? 500 : 60,
} as const;
