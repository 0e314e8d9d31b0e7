import type { OutboxPorts } from './outgoing/outgoing.ts';
import type { Signal } from './signals.ts';

/** What the packet router tells the client. */
export interface RouterPorts extends Omit<OutboxPorts, 'writing'> {
  readonly signal: (signal: Signal) => void;
  /** The server has let go of this device. */
  readonly signedOut: () => void;
}
