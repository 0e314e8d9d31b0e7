/** A step of one message on its way: what is timed in its distributed trace (OpenTelemetry). */
export type TracedStep = 'accept' | 'route' | 'store' | 'deliver' | 'confirm' | 'receipt' | 'notify';

/** A step that is under way. */
export interface Span {
  /** Names this step for the next one, here or in another service; it travels in the entry (W3C Trace Context). */
  readonly traceparent: string;
  /** @param outcome in a word what it came to */
  end(outcome: string): void;
}

/** What makes spans, where they are wanted. */
export interface Tracer {
  /** @returns undefined when this message is not to be traced */
  start(
    step: TracedStep,
    from: string,
    id: string,
    parent: string | undefined,
    since: number | undefined,
  ): Span | undefined;
}

let tracer: Tracer | undefined;

/** From now on spans are made by this; at the start of a process, if at all. */
export function spansBy(made: Tracer | undefined): void {
  tracer = made;
}

/** The first step of a message (`from`, `id`): decides whether it is traced. Costs next to nothing when nobody asks for it. */
export function firstSpan(step: TracedStep, from: string, id: string): Span | undefined {
  return tracer?.start(step, from, id, undefined, undefined);
}

/**
 * A later step, if the message is traced.
 *
 * @param parent the `traceparent` of the step before
 * @param since when it began, milliseconds since the epoch; now, if nothing is said
 */
export function nextSpan(
  step: TracedStep,
  parent: string | undefined,
  from: string,
  id: string,
  since?: number,
): Span | undefined {
  return parent ? tracer?.start(step, from, id, parent, since) : undefined;
}
