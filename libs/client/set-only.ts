import type { Unsubscribe } from './emitter.ts';

/** Sets the one handler. @throws Error when there is one already */
export function setOnly<H>(owner: { handler: H | undefined }, handler: H): Unsubscribe {
  if (owner.handler) throw new Error('there is a handler already');
  owner.handler = handler;
  return () => {
    owner.handler = undefined;
  };
}
