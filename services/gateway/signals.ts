import type { Broker } from '#libs/broker/broker.ts';
import { dropSignals, signalsTotal } from '#libs/broker/metrics.ts';
import { LiveSignal, parseSignals, type SentSignal } from '#libs/broker/signal-entries.ts';
import { SignalInbox } from '#libs/broker/signal-inbox.ts';
import { SignalLink } from '#libs/broker/signal-link.ts';
import { SignalOutbox } from '#libs/broker/signal-outbox.ts';
import { declareGatewaySignalQueue, SIGNAL_QUEUE } from '#libs/broker/topology.ts';
import { signalN } from '#libs/protocol/encode.ts';
import type { Session } from './session.ts';

/** A session to which so many bytes are on their way gets no signal. */
export const MAX_SEND_BUFFER_BYTES = 16 * 1024;

/** The part of a session that gets signals. */
export type SignalledSession = Pick<Session, 'writable'> & {
  readonly connection: Pick<Session['connection'], 'open' | 'send' | 'sendBufferBytes'>;
};

/** The signals of this gateway's sessions, and those for them; on a connection of their own. */
export class Signals {
  readonly #link: SignalLink;
  readonly #outbox: SignalOutbox;
  readonly #inbox: SignalInbox;
  #sessions: ReadonlyMap<string, SignalledSession> = new Map();

  constructor(broker: Pick<Broker, 'connectSignals'>, gatewayId: string) {
    this.#inbox = new SignalInbox({ handle: (contents) => deliverSignals(this.#sessions, contents) });
    this.#link = new SignalLink({
      broker,
      exchange: '', // to the queue
      declare: (channel) => declareGatewaySignalQueue(channel, gatewayId),
      receive: (batch) => this.#inbox.receive(batch),
    });
    this.#outbox = new SignalOutbox(this.#link.publish);
  }

  /** Connects. @returns ends it */
  start(sessions: ReadonlyMap<string, SignalledSession>): () => Promise<void> {
    this.#sessions = sessions;
    this.#link.consume(true);
    return this.#link.start();
  }

  /** To the sessions of its receivers, or nowhere: nobody learns what became of it. */
  send(signal: SentSignal): void {
    this.#outbox.add(SIGNAL_QUEUE, JSON.stringify(signal), signal.to.length);
  }
}

/** Writes signals to the sessions that they are for. What a client has no room for is dropped (PROTOCOL: signal). */
export function deliverSignals(
  sessions: ReadonlyMap<string, SignalledSession>,
  contents: readonly Buffer[],
): void {
  for (const content of contents)
    for (const { sessions: ids, from, body, at, thread } of parseSignals(content, LiveSignal)) {
      const text = signalN({ from, bodyText: body, at, thread });
      for (const id of ids) deliver(sessions.get(id), text);
    }
}

function deliver(session: SignalledSession | undefined, text: string): void {
  if (!session?.connection.open) signalsTotal.inc({ outcome: 'away' });
  else if (!session.writable || session.connection.sendBufferBytes > MAX_SEND_BUFFER_BYTES) dropSignals(1);
  else {
    session.connection.send('signal:N', text);
    signalsTotal.inc({ outcome: 'live' });
  }
}
