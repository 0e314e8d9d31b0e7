/** What the machine can do at most in one respect, in messages. */
export interface Limit {
  name: string;
  perSecond: number;
  /** CPU time for 1,000 messages, milliseconds. */
  cpuByRole: Record<string, number>;
}
