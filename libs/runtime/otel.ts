import {
  diag,
  DiagLogLevel,
  ROOT_CONTEXT,
  type Context,
  SpanKind,
  trace,
  TraceFlags,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  type ReadableSpan,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { within } from './backoff.ts';
import type { Logger } from './logger.ts';
import { spansTotal } from './metrics.ts';
import { type Span, spansBy, type TracedStep } from './spans.ts';

/** Most spans that wait for their export; further ones are dropped, and counted. */
export const MAX_WAITING = 2_048;
/** Spans of one export, and the longest that they wait for it, milliseconds. */
export const EXPORT_AT_A_TIME = 512;
const EXPORT_EVERY_MS = 1_000;
/** How long the collector may take, with every retry, milliseconds. */
const EXPORT_TIMEOUT_MS = 2_000;
/** Longest wait of an orderly stop for the last spans, milliseconds. */
const FLUSH_TIMEOUT_MS = 1_000;

/** Steps that put a message into a queue; the other steps take it out. */
const PRODUCERS: ReadonlySet<TracedStep> = new Set(['accept', 'confirm']);

export interface TracingOptions {
  service: string;
  /** Name of this process among others of the service. */
  instance: string;
  /** Address of the collector (OTLP over HTTP); `/v1/traces` is added. */
  endpoint: string;
  /** HTTP headers that the collector asks for. */
  headers: Record<string, string>;
  /** Share of messages to trace, 0 to 1. */
  share: number;
  log: Logger;
}

/**
 * Sends spans to a collector. Only this file knows OpenTelemetry's SDK, and only a configured endpoint loads it.
 *
 * @returns a function that sends the last spans and stops
 */
export function exportSpans({ service, instance, endpoint, headers, share, log }: TracingOptions) {
  const warn = (message: string) => log.warn({ reason: message.slice(0, 500) }, 'tracing');
  const silent = () => undefined;
  diag.setLogger({ error: warn, warn, info: silent, debug: silent, verbose: silent }, DiagLogLevel.WARN);
  const processor = new BoundedProcessor(
    new OTLPTraceExporter({
      url: `${endpoint.replace(/\/+$/, '')}/v1/traces`,
      headers,
      timeoutMillis: EXPORT_TIMEOUT_MS,
    }),
  );
  const provider = new TracerProvider({
    resource: resourceFromAttributes({
      'service.name': `sixfold-${service}`,
      'service.namespace': 'sixfold',
      'service.instance.id': instance,
    }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(share) }),
    spanProcessors: [processor],
  });
  const tracer = provider.getTracer('sixfold');
  spansBy({
    start: (step, from, id, parent, since): Span | undefined => {
      const span = tracer.startSpan(
        step,
        {
          kind: PRODUCERS.has(step) ? SpanKind.PRODUCER : SpanKind.CONSUMER,
          attributes: { 'sixfold.from': from, 'sixfold.id': id },
          ...(since !== undefined && { startTime: since }),
        },
        parent === undefined ? ROOT_CONTEXT : contextOf(parent),
      );
      if (!span.isRecording()) return undefined;
      const { traceId, spanId } = span.spanContext();
      return {
        traceparent: `00-${traceId}-${spanId}-01`,
        end: (outcome) => {
          if (span.isRecording()) span.setAttribute('sixfold.outcome', outcome).end();
        },
      };
    },
  });
  return async (): Promise<void> => {
    spansBy(undefined);
    await within(FLUSH_TIMEOUT_MS, provider.shutdown().catch(silent)); // the exporter has logged the reason
    diag.disable();
  };
}

/** A traceparent is `00-<trace id>-<span id>-<flags>`, in hexadecimal (W3C Trace Context). */
function contextOf(traceparent: string): Context {
  const [, traceId = '', spanId = ''] = traceparent.split('-');
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId,
    spanId,
    traceFlags: TraceFlags.SAMPLED,
    isRemote: true,
  });
}

/** The SDK's queue, with a count of dropped spans. */
class BoundedProcessor extends BatchSpanProcessor {
  readonly #waiting: { count: number };

  constructor(exporter: SpanExporter) {
    const waiting = { count: 0 };
    super({
      exporter: counted(exporter, waiting),
      maxQueueSize: MAX_WAITING,
      maxExportBatchSize: EXPORT_AT_A_TIME,
      scheduledDelayMillis: EXPORT_EVERY_MS,
      exportTimeoutMillis: EXPORT_TIMEOUT_MS,
    });
    this.#waiting = waiting;
  }

  override onEnd(span: ReadableSpan): void {
    if (this.#waiting.count >= MAX_WAITING) spansTotal.inc({ outcome: 'dropped' });
    else {
      this.#waiting.count++;
      super.onEnd(span);
    }
  }
}

function counted(exporter: SpanExporter, waiting: { count: number }): SpanExporter {
  return {
    export: (spans, done) => {
      waiting.count -= spans.length;
      exporter.export(spans, (result) => {
        spansTotal.inc({ outcome: result.error ? 'failed' : 'exported' }, spans.length);
        done(result);
      });
    },
    shutdown: () => exporter.shutdown(),
  };
}
