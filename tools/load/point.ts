import type { Measured } from './measure.ts';
import type { Size } from './options.ts';

/** One measured load. */
export interface Point extends Measured {
  size: Size;
  pairs: number;
  /** Of a closed loop: messages that each pair has under way. */
  outstandingPerPair?: number;
  /** Of an open loop: messages a second that were due. */
  rate?: number;
}
