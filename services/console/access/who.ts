import type { IncomingMessage } from 'node:http';
import { isUserId } from '#libs/protocol/names.ts';

/** The client, for the log. */
export interface Who {
  /** As the operator calls itself: nothing proves it. */
  operator: string;
  address: string;
}

/** The page sends the operator's name in this header. */
const HEADER = 'x-console-operator';

export function whoOf({ headers, socket }: Pick<IncomingMessage, 'headers' | 'socket'>): Who {
  const name = headers[HEADER];
  return { operator: isUserId(name) ? name : 'unnamed', address: socket.remoteAddress ?? '' };
}
