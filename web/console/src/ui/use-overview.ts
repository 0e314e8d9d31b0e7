import { useEffect, useState } from 'preact/hooks';
import type { Api } from '../io/api.ts';
import type { Overview } from '../model/answers.ts';
import { type Point, pointBetween } from '../model/rates.ts';
import { type Loaded, useLoad } from './use-load.ts';

/** How often the services are asked, milliseconds. */
const EVERY_MS = 2_000;
/** Five minutes of them are drawn. */
const MOST_POINTS = 150;

export interface Watched extends Loaded<Overview> {
  /** What happened since the page was opened, the oldest first. */
  points: Point[];
}

/** The overview, again and again, and what changed from one to the next. */
export function useOverview(api: Api): Watched {
  const loaded = useLoad(api.overview, EVERY_MS);
  const [history, setHistory] = useState<{ last?: Overview; points: Point[] }>({ points: [] });
  const { value } = loaded;
  useEffect(() => {
    if (!value) return;
    setHistory(({ last, points }) => {
      if (!last || value.at <= last.at) return { last: value, points };
      return { last: value, points: [...points, pointBetween(last, value)].slice(-MOST_POINTS) };
    });
  }, [value]);
  return { ...loaded, points: history.points };
}
