import { quantile, type Service } from './honest.ts';
import type { AttackResult } from './run.ts';

const number = (value: number) => value.toLocaleString('en', { maximumFractionDigits: 0 });
const mib = (bytes: number) => (bytes / 2 ** 20).toFixed(0);
const list = (counts: Readonly<Record<string, number>>) =>
  Object.entries(counts)
    .map(([name, value]) => `${name} ${number(value)}`)
    .join(', ');

/** How much longer the slowest of a hundred messages takes under attack. */
export const slowdown = ({ calm, attacked }: Pick<AttackResult, 'calm' | 'attacked'>): number =>
  quantile(attacked.trips, 0.99) / quantile(calm.trips, 0.99);

/** Memory of the gateway for each connection that idles, bytes. */
export const perConnection = ({ memory, counts }: AttackResult): number =>
  (memory.held - memory.before) / (counts['connections'] ?? NaN);

/** What the attacks did, as tables in Markdown. */
export function tablesOf(results: readonly AttackResult[]): string {
  const latency = results.map((result) => {
    const { attack, calm, attacked, longestTurnMs } = result;
    const failed = `${calm.failed + attacked.failed}`;
    const cells = [
      attack,
      trip(calm),
      trip(attacked),
      slowdown(result).toFixed(1),
      failed,
      longestTurnMs.toFixed(0),
    ];
    return cells;
  });
  const memory = results.map((result) => {
    const { before, peak, held, after } = result.memory;
    const each = result.attack === 'idle' ? `${(perConnection(result) / 1024).toFixed(1)} KiB each; ` : '';
    const done = [each + list(result.counts), list(result.errors)]
      .filter((text) => text !== '')
      .join('; gateway: ');
    return [result.attack, mib(before), mib(peak), mib(held), mib(after), done];
  });
  return [
    table(['Attack', 'Calm, p50 / p99 ms', 'Attacked', 'Ratio of p99', 'Failed', 'Longest turn ms'], latency),
    table(['Attack', 'Before MiB', 'Peak', 'Held', 'After', 'What was done'], memory),
  ].join('\n\n');
}

const trip = ({ trips }: Service) =>
  `${quantile(trips, 0.5).toFixed(0)} / ${quantile(trips, 0.99).toFixed(0)}`;

const table = (head: string[], rows: string[][]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

/** The same as data: times in milliseconds, memory in bytes. */
export function dataOf(results: readonly AttackResult[]): unknown {
  const service = ({ trips, failed }: Service) => ({
    messages: trips.length,
    failed,
    p50: quantile(trips, 0.5),
    p99: quantile(trips, 0.99),
    longest: trips.at(-1),
  });
  return results.map((result) => ({
    ...result,
    calm: service(result.calm),
    attacked: service(result.attacked),
    slowdown: slowdown(result),
    ...(result.attack === 'idle' && { bytesPerConnection: perConnection(result) }),
  }));
}
