import type { Overview } from '../model/answers.ts';
import { bytes, milliseconds, rate, whole } from '../model/format.ts';
import { type Latency, type Point, total } from '../model/rates.ts';
import { Sparkline } from './sparkline.tsx';

interface TileProps {
  label: string;
  /** The value of now. */
  figure: string;
  note?: string;
  level?: 'warn' | undefined;
  /** Its course. */
  values: number[];
}

const Tile = ({ label, figure, note = ' ', level, values }: TileProps) => (
  <div class="tile" data-level={level}>
    <dt>{label}</dt>
    <dd>
      <span class="figure">{figure}</span>
      <span class="tile-note">{note}</span>
      <Sparkline values={values} />
    </dd>
  </div>
);

/** How much goes through all processes, and how fast. */
export function Rates({ overview: { parts }, points }: { overview: Overview; points: readonly Point[] }) {
  const last = points.at(-1);
  const perSecond = (name: keyof Point['rates']) => ({
    figure: last ? `${rate(last.rates[name])}/s` : '–',
    values: points.map(({ rates }) => rates[name]),
  });
  const latency = (name: 'accept' | 'confirm') => ({
    figure: milliseconds(last?.[name].p50 ?? null),
    note: `p99 ${milliseconds(last?.[name].p99 ?? null)}`,
    values: points.map((point) => (point[name] satisfies Latency).p50 ?? 0),
  });
  const sessions = total(parts, ({ figures }) => figures?.sessions);
  const memory = total(parts, ({ figures }) => figures?.memoryBytes);
  const dead = total(parts, ({ figures }) => figures?.counters.dead);
  return (
    <dl class="tiles">
      <Tile label="Accepted" note="messages" {...perSecond('accepted')} />
      <Tile label="Confirmed" note="by receivers" {...perSecond('confirmed')} />
      <Tile label="Stored" note="in mailboxes" {...perSecond('stored')} />
      <Tile label="Sessions" figure={whole(sessions)} values={points.map((point) => point.sessions)} />
      <Tile label="Time to accept" {...latency('accept')} />
      <Tile label="Time to confirm" {...latency('confirm')} />
      <Tile
        label="Memory"
        figure={bytes(memory)}
        note="all processes"
        values={points.map(({ memoryBytes }) => memoryBytes)}
      />
      <Tile
        label="Errors to clients"
        {...perSecond('errors')}
        note={dead > 0 ? `${whole(dead)} dead letters` : 'no dead letters'}
        level={dead > 0 ? 'warn' : undefined}
      />
    </dl>
  );
}
