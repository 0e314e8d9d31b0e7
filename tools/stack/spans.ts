/** One step of a message in a service, as the demo page shows it. Times are milliseconds since the epoch. */
export interface SpanSummary {
  /** `gateway`, `routing`, `ack`. */
  service: string;
  instance: string;
  step: string;
  outcome: string;
  startedAt: number;
  endedAt: number;
  /** End of the step before: until then, this one waited in a queue. */
  previousEndedAt: number | undefined;
}

/** Most spans that are kept; older ones go. */
export const MAX_SPANS = 5_000;

interface Attribute {
  key: string;
  value: { stringValue?: string };
}

/** The part of OTLP that we read: https://opentelemetry.io/docs/specs/otlp/ (JSON). */
export interface SpanExport {
  resourceSpans: {
    resource: { attributes: Attribute[] };
    scopeSpans: {
      spans: {
        spanId: string;
        parentSpanId?: string;
        name: string;
        startTimeUnixNano: string;
        endTimeUnixNano: string;
        attributes: Attribute[];
      }[];
    }[];
  }[];
}

interface Kept {
  id: string;
  parent: string | undefined;
  message: string;
  summary: Omit<SpanSummary, 'previousEndedAt'>;
}

const NANOSECONDS_PER_MS = 1e6;

/** The latest spans of the services of this stack. */
export class Spans {
  #kept: Kept[] = [];

  add({ resourceSpans }: SpanExport): void {
    for (const { resource, scopeSpans } of resourceSpans) {
      const service = attribute(resource.attributes, 'service.name').replace('sixfold-', '');
      const instance = attribute(resource.attributes, 'service.instance.id');
      for (const span of scopeSpans.flatMap(({ spans }) => spans)) {
        const of = (key: string) => attribute(span.attributes, `sixfold.${key}`);
        const [startedAt, endedAt] = [ms(span.startTimeUnixNano), ms(span.endTimeUnixNano)];
        this.#kept.push({
          ...{ id: span.spanId, parent: span.parentSpanId, message: nameOf(of('from'), of('id')) },
          summary: { service, instance, step: span.name, outcome: of('outcome'), startedAt, endedAt },
        });
      }
    }
    this.#kept = this.#kept.slice(-MAX_SPANS);
  }

  /** The steps of a message, in the order in which they ended. */
  of(from: string, id: string): SpanSummary[] {
    const own = this.#kept.filter(({ message }) => message === nameOf(from, id));
    const endOf = (span: string | undefined) => own.find((one) => one.id === span)?.summary.endedAt;
    return own
      .map(({ parent, summary }) => ({ ...summary, previousEndedAt: endOf(parent) }))
      .sort((a, b) => a.endedAt - b.endedAt);
  }
}

const nameOf = (from: string, id: string): string => `${from}/${id}`;
const ms = (nanoseconds: string): number => Number(nanoseconds) / NANOSECONDS_PER_MS;

const attribute = (attributes: readonly Attribute[], key: string): string =>
  attributes.find((one) => one.key === key)?.value.stringValue ?? '';
