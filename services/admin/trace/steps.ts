/** One step of a message, as a service logged it (`LOG_LEVEL=trace`). */
export interface Step {
  /** Milliseconds since the epoch, by the clock of the service's machine. */
  t: number;
  service: string;
  pid: number;
  /** A packet (`msg:N`), or in a word what was done. */
  step: string;
  /** What else the line says. */
  more: Record<string, unknown>;
}

/** Fields of a log line that every line has, or that {@link Step} names. */
const COMMON = new Set(['time', 'level', 'pid', 'service', 'from', 'id', 'msg']);

/**
 * The steps of the message (`from`, `id`) among lines of logs, in the order of the lines. A line may have something in
 * front of its JSON, as `docker compose logs` puts the container's name there; what is no JSON is passed over.
 */
export function stepsOf(lines: readonly string[], { from, id }: { from: string; id: string }): Step[] {
  const name = `"from":${JSON.stringify(from)},"id":${JSON.stringify(id)}`;
  return lines.flatMap((line) => {
    if (!line.includes(name)) return [];
    const entry = parsed(line.slice(line.indexOf('{')));
    if (!entry) return [];
    const more = Object.fromEntries(Object.entries(entry).filter(([key]) => !COMMON.has(key)));
    const { time, service, pid, msg } = entry;
    return [
      { t: Date.parse(String(time)), service: String(service), pid: Number(pid), step: String(msg), more },
    ];
  });
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined; // cut off, or not ours
  }
}

/** What a step says beyond its name, in a line. */
export const detailsOf = ({ more }: Step): string =>
  Object.entries(more)
    .map(([key, value]) => ` ${key}=${JSON.stringify(value)}`)
    .join('');
