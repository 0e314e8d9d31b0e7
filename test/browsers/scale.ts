/** `npm run browsers` takes its time; `npm test` has a minute for all. */
const FULL = process.env['SIXFOLD_BROWSERS'] === 'full';

/** How much the scenarios do. */
export const SCALE = {
  /** How long a page has no network at least. */
  offlineMs: FULL ? 60_000 : 1_000,
  /** Messages in each direction while connections are cut. */
  cutMessages: FULL ? 500 : 60,
  /** Reloads of a page that sends and receives. */
  reloads: 20,
  /** Messages in each direction for each reload and kill. */
  perReload: FULL ? 40 : 10,
  /** Kills of the whole browser. */
  kills: FULL ? 5 : 1,
  /** Messages that wait when a page starts. */
  outbox: FULL ? 50_000 : 2_000,
  /** Messages of the peer while tabs come and go, and the most tabs. */
  tabMessages: FULL ? 1_000 : 100,
  mostTabs: 5,
} as const;
