import type { Broker } from '#libs/broker/broker.ts';
import { signalsTotal } from '#libs/broker/metrics.ts';
import { parseSignals, SentSignal } from '#libs/broker/signal-entries.ts';
import { SignalInbox } from '#libs/broker/signal-inbox.ts';
import { SignalLink } from '#libs/broker/signal-link.ts';
import { SignalOutbox } from '#libs/broker/signal-outbox.ts';
import { declareSignalQueue, SIGNAL_EXCHANGE } from '#libs/broker/topology.ts';
import type { SessionLocation } from '#libs/store/presence.ts';

export interface SignalContext {
  /** The sessions that users have now; absent users are not in the map. */
  find: (users: string[]) => Promise<Map<string, SessionLocation[]>>;
  /** Sends one entry to a gateway, by its id. @param count sessions that it is for */
  send: (gatewayId: string, text: string, count: number) => void;
}

/** Sends signals to the sessions that their receivers have: one entry for each gateway (PROTOCOL: signal). */
export async function routeSignals(
  { find, send }: SignalContext,
  contents: readonly Buffer[],
): Promise<void> {
  const signals = contents.flatMap((content) => parseSignals(content, SentSignal));
  if (signals.length === 0) return;
  const found = await find(signals.flatMap(({ to }) => to));
  for (const { to, ...signal } of signals) {
    const sessions = new Map<string, string[]>();
    for (const user of to) {
      const locations = found.get(user);
      if (!locations) signalsTotal.inc({ outcome: 'away' });
      for (const { gateway, session } of locations ?? []) {
        const id = gateway.slice(0, gateway.indexOf('.')); // of `<gateway id>.<incarnation>`
        const there = sessions.get(id);
        if (there) there.push(session);
        else sessions.set(id, [session]);
      }
    }
    for (const [id, there] of sessions)
      send(id, JSON.stringify({ ...signal, sessions: there }), there.length);
  }
}

/** The signals that this instance routes; on a connection of their own. */
export class Signals {
  readonly #link: SignalLink;

  constructor(broker: Pick<Broker, 'connectSignals'>, find: SignalContext['find']) {
    const inbox = new SignalInbox({ handle: (contents) => routeSignals({ find, send }, contents) });
    this.#link = new SignalLink({
      broker,
      exchange: SIGNAL_EXCHANGE,
      declare: declareSignalQueue,
      receive: (batch) => inbox.receive(batch),
    });
    const outbox = new SignalOutbox(this.#link.publish);
    const send: SignalContext['send'] = (...entry) => outbox.add(...entry);
  }

  /** Connects. @returns ends it */
  start(): () => Promise<void> {
    return this.#link.start();
  }

  /** Only while the instance is healthy: another one routes what it leaves. */
  consume(wanted: boolean): void {
    this.#link.consume(wanted);
  }
}
