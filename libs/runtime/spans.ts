/** A timed step of one message, in its distributed trace (OpenTelemetry). */
export type TracedStep = 'accept' | 'route' | 'store' | 'deliver' | 'confirm' | 'receipt' | 'notify';

/** A step that has not ended. */
export interface Span {
  /** Names this step for the next one, here or in another service; it travels in the entry (W3C Trace Context). */
  readonly traceparent: string;
  /** @param outcome its result, one word */
  end(outcome: string): void;
}

/** Makes spans where tracing is on. */
export interface Tracer {
  /** @returns undefined when the message is not traced */
  start(
    step: TracedStep,
    from: string,
    id: string,
    parent: string | undefined,
    since: number | undefined,
  ): Span | undefined;
}

let tracer: Tracer | undefined;

/** Sets the tracer, at the start of a process. */
export function spansBy(made: Tracer | undefined): void {
  tracer = made;
}

/** The first step of a message (`from`, `id`): decides whether it is traced. Costs next to nothing when tracing is off. */
export function firstSpan(step: TracedStep, from: string, id: string): Span | undefined {
  return tracer?.start(step, from, id, undefined, undefined);
}

/**
 * A later step, if the message is traced.
 *
 * @param parent the `traceparent` of the step before
 * @param since when it began, milliseconds since the epoch; default: now
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
