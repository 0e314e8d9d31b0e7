/** The views, in the order of the navigation. */
export const VIEWS = ['overview', 'users', 'trace', 'dead', 'partitions', 'slow'] as const;
export type View = (typeof VIEWS)[number];

/** What the address says: a view, and what it is about. */
export interface Route {
  view: View;
  params: Record<string, string>;
}

/** Reads `#/trace?from=alice&id=m1`. What is unknown leads to the overview. */
export function routeOf(hash: string): Route {
  const [, name = '', query = ''] = /^#\/([a-z]*)(?:\?(.*))?$/.exec(hash) ?? [];
  const view = VIEWS.find((one) => one === name) ?? 'overview';
  return { view, params: Object.fromEntries(new URLSearchParams(query)) };
}

export function hashOf(view: View, params: Record<string, string> = {}): string {
  const set = Object.entries(params).filter(([, value]) => value !== '');
  const query = new URLSearchParams(set).toString();
  return `#/${view}${query === '' ? '' : `?${query}`}`;
}

/** Reads `#token=…&as=…`, as `npm run console` prints it. */
export function loginOf(hash: string): { token: string; operator: string } | undefined {
  if (!hash.startsWith('#token=')) return undefined;
  const fields = new URLSearchParams(hash.slice(1));
  return { token: fields.get('token') ?? '', operator: fields.get('as') ?? '' };
}
