/** What a query asks for: a metric, and what its labels must be. */
export interface Selector {
  name: string;
  matchers: Matcher[];
}

export interface Matcher {
  label: string;
  matches: (value: string) => boolean;
}

const KEYWORDS = new Set(['and', 'or', 'unless', 'bool']);

/**
 * The selectors in a PromQL expression, as far as our rules and dashboards go: no subqueries, no `__name__`, no braces
 * in strings.
 */
export function selectors(expression: string): Selector[] {
  const bare = expression
    .replace(/\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, '')
    .replace(/\[[^\]]*\]/g, '')
    .replace(/\boffset\s+\w+/g, '');
  return [...bare.matchAll(/(?<![\w.:"])([A-Za-z_:][\w:]*)\s*(\{[^}]*\}|\(|)/g)]
    .filter(([, name = '', next]) => next !== '(' && !KEYWORDS.has(name))
    .map(([, name = '', list = '']) => ({ name, matchers: matchers(list) }));
}

function matchers(list: string): Matcher[] {
  return [...list.matchAll(/(\w+)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*")/g)].map(
    ([, label = '', operator = '', text = '""']) => {
      const wanted = JSON.parse(text) as string;
      const pattern = new RegExp(`^(?:${operator.includes('~') ? wanted : RegExp.escape(wanted)})$`);
      return { label, matches: (value) => pattern.test(value) !== operator.startsWith('!') };
    },
  );
}
