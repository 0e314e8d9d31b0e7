/**
 * Validators that are made from a schema ignore what the schema does not know. So we watch which fields they look at:
 * one that nobody looked at is not in the schema.
 */

/** The same value, noting in `seen` the path of every field that is read. */
export function watch(value: unknown, seen: Set<string>, path = ''): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return new Proxy(value, {
    get(target, key) {
      const at = `${path}/${String(key)}`;
      seen.add(at);
      return watch(Reflect.get(target, key), seen, at);
    },
  });
}

/** Paths of fields that were not read, of objects that were looked into at all: what has no schema is free. */
export function unread(value: unknown, seen: ReadonlySet<string>, path = ''): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const lookedInto = seen.values().some((at) => at.startsWith(`${path}/`));
  if (!lookedInto) return [];
  return Object.entries(value).flatMap(([key, child]) => {
    const at = `${path}/${key}`;
    return seen.has(at) ? unread(child, seen, at) : [at];
  });
}
