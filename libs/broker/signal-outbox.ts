import { dropSignals } from './metrics.ts';

/** Publishes an AMQP message, or drops it. @param count the signals in it */
export type PublishSignals = (routingKey: string, content: Buffer, count: number) => void;

/** Signals gather for this long, milliseconds: however many there are, the broker gets few messages. */
const GATHER_MS = 5;
/** Largest AMQP message, UTF-16 units: to read one holds nobody up. */
const MAX_MESSAGE = 16 * 1024;
/** Most text that gathers, UTF-16 units; more is dropped. */
const MAX_WAITING = 1024 * 1024;

interface Group {
  texts: string[];
  length: number;
  count: number;
}

/** Gathers signals by destination. Bounded: under a flood signals are dropped here. */
export class SignalOutbox {
  readonly #publish: PublishSignals;
  readonly #groups = new Map<string, Group>();
  #waiting = 0;
  #flushing: NodeJS.Timeout | undefined;

  constructor(publish: PublishSignals) {
    this.#publish = publish;
  }

  /** @param text the entry as JSON @param count what it counts as: its receivers, or sessions */
  add(routingKey: string, text: string, count: number): void {
    if (this.#waiting + text.length > MAX_WAITING) {
      dropSignals(count);
      return;
    }
    let group = this.#groups.get(routingKey);
    if (group && group.length + text.length > MAX_MESSAGE) {
      this.#send(routingKey, group);
      group = undefined;
    }
    if (!group) this.#groups.set(routingKey, (group = { texts: [], length: 0, count: 0 }));
    group.texts.push(text);
    group.length += text.length;
    group.count += count;
    this.#waiting += text.length;
    if (!this.#flushing) this.#flushing = setTimeout(() => this.#flush(), GATHER_MS).unref();
  }

  #flush(): void {
    this.#flushing = undefined;
    for (const [routingKey, group] of this.#groups) this.#send(routingKey, group);
  }

  #send(routingKey: string, group: Group): void {
    this.#groups.delete(routingKey);
    this.#waiting -= group.length;
    this.#publish(routingKey, Buffer.from(`[${group.texts.join(',')}]`), group.count);
  }
}
