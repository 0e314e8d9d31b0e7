import type { Limit } from '../limits/limit.ts';
import type { Point } from '../scenarios/loops.ts';
import type { BenchResult } from '../run.ts';

/** A table in Markdown; the first column is text, the others are numbers. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rule = head.map((_, column) => (column === 0 ? '---' : '---:'));
  return [head, rule, ...rows].map(line).join('\n');
}

/** With three significant digits below a thousand, none behind the point above. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (Math.abs(value) >= 100 || value === 0) return Math.round(value).toLocaleString('en');
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}

const pair = (a: number, b: number) => `${number(a)} / ${number(b)}`;

const processes = ({ size: { gateways, routing, ack } }: Point) => `${gateways} + ${routing} + ${ack}`;

const loadOf = ({ rate, outstandingPerPair, pairs }: Point) =>
  rate === undefined ? `${pairs} x ${outstandingPerPair ?? 0} under way` : `${number(rate)}/s due`;

/** Whether what was due was done: if not, its latency only says for how long it was watched. */
export const isHeld = ({ rate, perSecond }: Pick<Point, 'rate' | 'perSecond'>): boolean =>
  rate === undefined || perSecond > rate * 0.98;

function loads(points: readonly Point[], limits: readonly Limit[]): string {
  const head = [
    'Load',
    'gateways + routing + ack',
    'confirmed/s',
    'p50 / p99 ms',
    'p99.9 / max ms',
    'msg:A p50 / p99 ms',
    ...limits.map(({ name }) => `of ${name}`),
  ];
  const rows = points.map((point) => {
    const { latency, accepted, perSecond } = point;
    return [
      isHeld(point) ? loadOf(point) : `${loadOf(point)} (not held)`,
      processes(point),
      number(perSecond),
      pair(latency.p50, latency.p99),
      pair(latency.p999, latency.max),
      pair(accepted.p50, accepted.p99),
      ...limits.map((limit) => (perSecond / limit.perSecond).toFixed(2)),
    ];
  });
  return table(head, rows);
}

/** CPU time for 1,000 messages, a column for each process or role. */
function cpu(rows: readonly { name: string; cpu: Record<string, number>; servers?: number }[]): string {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row.cpu)))];
  const total = rows.some(({ servers }) => servers !== undefined);
  const cells = rows.map((row) => [
    row.name,
    ...(total ? [number(row.servers ?? NaN)] : []),
    ...names.map((name) => number(row.cpu[name] ?? NaN)),
  ]);
  return table(['CPU ms per 1,000', ...(total ? ['servers together'] : []), ...names], cells);
}

function limitsOf(limits: readonly Limit[]): string {
  return table(
    ['Limit', 'messages/s'],
    limits.map(({ name, perSecond }) => [name, number(perSecond)]),
  );
}

const loadsOf = (result: BenchResult) => [...result.closedLoop, ...result.openLoop];

/** The results, for people. */
export function markdownOf(result: BenchResult): string {
  const { host, limits } = result;
  const points = loadsOf(result);
  const parts = [
    `${host.at}: ${host.cpus} x ${host.model}, Linux ${host.kernel}, Node ${host.node}, commit ${host.commit}. ` +
      `Other processes used ${number(host.busyBefore * 100)} % of the machine before the run.`,
  ];
  if (limits.length > 0)
    parts.push(
      '## What the machine can do at most',
      limitsOf(limits),
      cpu(limits.map(({ name, cpuByRole }) => ({ name, cpu: cpuByRole }))),
    );
  if (points.length > 0)
    parts.push(
      '## Messages',
      loads(points, limits),
      '### By role',
      cpu(
        points.map((point) => ({
          name: loadOf(point),
          cpu: point.cpuByRole,
          servers: point.serverCpuPer1000,
        })),
      ),
      '### By process',
      cpu(points.map((point) => ({ name: loadOf(point), cpu: point.cpuPer1000 }))),
    );
  return `${parts.join('\n\n')}\n`;
}
