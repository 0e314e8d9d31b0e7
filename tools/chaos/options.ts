import type { FaultName } from './faults/faults.ts';
import type { EnvironmentOptions } from './environment-options.ts';

/** A chaos run. */
export interface ChaosOptions extends EnvironmentOptions {
  /** How long messages are sent and faults injected. */
  seconds: number;
  faults: readonly FaultName[];
  /** Most faults at the same time. */
  atOnce: number;
  /** Only those are hurt whose name holds this text. */
  only: string;
  /** How long everything may take to come to rest after the last fault, milliseconds. */
  patienceMs: number;
}
