import type { IncomingMessage } from '../incoming/message.ts';

/** A message for the application of one tab. */
export interface TabMessage extends IncomingMessage {
  /** Another tab is the leader, whose handler handles it. This one only shows it: nothing may depend on it. */
  readonly mirrored?: true;
}

/** As `MessageHandler`. What it returns or throws matters only where the message is not `mirrored`. */
export type TabMessageHandler = (message: TabMessage) => unknown;
