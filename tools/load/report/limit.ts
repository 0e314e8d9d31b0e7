import type { Latency } from '../latency.ts';

/** What the machine can do in one respect, in messages. */
export interface Limit {
  name: string;
  /** At most, or those that were due. */
  perSecond: number;
  /** From when a message was under way, or due, to its end, milliseconds. */
  latency: Latency;
  /** CPU time for 1,000 messages, milliseconds. */
  cpuByRole: Record<string, number>;
}
