import { createHash } from 'node:crypto';
import type { Context, Attributes as OpenTelemetryAttributes, SpanContext } from '@opentelemetry/api';
import type { ReadableSpan, Sampler as SpanSampler } from '@opentelemetry/sdk-trace';
import { systemClock } from './clock.ts';
import type { Log } from './log.ts';
import { requestIdOf } from './log.ts';

/** Ids, types, statuses and counts: nothing personal (spec 06, section 5). What is null or undefined is left out. */
export type Attributes = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** A piece of work in a trace. */
export type Span = Readonly<{
  /** Its context as W3C Trace Context writes it, for requests to others. */
  traceparent: string;
  /** What a task carries that this work leads to: the id of the request, and the context after a space. */
  carried: string;
  /** It has ended. `failed`: not as it should. */
  end(attributes?: Attributes, failed?: boolean): void;
}>;

/**
 * Traces as OpenTelemetry has them (docs/decisions/0026). The trace of a request has the id of the request if that is 32
 * hexadecimal digits, and else one made of it. Nothing here waits or throws, whatever the collector does.
 */
export type Traces = Readonly<{
  /** Begins the span of a request to us. `traceparent`: the header of that name, if there is one. */
  request(name: string, requestId: string, traceparent: string | undefined): Span;
  /**
   * Begins a span of work that a request has led to. `carried`: of its task; without a context, it begins a trace.
   * `began`: how many milliseconds ago it began.
   */
  begin(name: string, carried: string | null | undefined, options?: BeginOptions): Span;
  /** Exports what is left, for as long as that may take at the end of a process. */
  stop(): Promise<void>;
}>;

export type BeginOptions = Readonly<{ isCall?: boolean; began?: number; attributes?: Attributes }>;

export type TracesOptions = Readonly<{
  url: string;
  headers: Readonly<Record<string, string>>;
  serviceName: string;
  version: string;
  environment: string;
  sampler: 'on' | 'off' | 'share';
  /** Whether the caller of a request decides about its trace, if it has decided. */
  isParentBased: boolean;
  share: number;
}>;

const stopMilliseconds = 3000;
const mostWaiting = 8192;

/** Loads the libraries, and exports to a collector that speaks OTLP over HTTP. */
export async function openTraces(options: TracesOptions, log: Log): Promise<Traces> {
  const [api, sdk, { OTLPTraceExporter }, { resourceFromAttributes }] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
  ]);
  const { url, headers, serviceName, version, environment } = options;
  const root = {
    on: () => new sdk.AlwaysOnSampler(),
    off: () => new sdk.AlwaysOffSampler(),
    share: () => new sdk.TraceIdRatioBasedSampler(options.share),
  }[options.sampler]();
  const sampler: SpanSampler = options.isParentBased ? new sdk.ParentBasedSampler({ root }) : root;
  const random = new sdk.RandomIdGenerator();
  /** Of the root span that is being made. */
  let traceId: string | null = null;
  const exporter = new OTLPTraceExporter({ url, headers });
  let isFailing = false;
  const reporting = {
    export(spans: ReadableSpan[], done: Parameters<typeof exporter.export>[1]) {
      exporter.export(spans, (result) => {
        // Said once, and not for every batch.
        if (result.code !== 0 && !isFailing)
          log.warn({ err: result.error, count: spans.length }, 'Traces could not be exported and are lost');
        isFailing = result.code !== 0;
        done(result);
      });
    },
    forceFlush: () => exporter.forceFlush(),
    shutdown: () => exporter.shutdown(),
  };
  const provider = new sdk.TracerProvider({
    sampler,
    resource: resourceFromAttributes({
      'service.name': serviceName,
      'service.version': version,
      'deployment.environment.name': environment,
    }),
    idGenerator: {
      generateTraceId: () => traceId ?? random.generateTraceId(),
      generateSpanId: () => random.generateSpanId(),
    },
    spanProcessors: [new sdk.BatchSpanProcessor({ exporter: reporting, maxQueueSize: mostWaiting })],
  });
  const tracer = provider.getTracer('despatch', version);

  function start(
    name: string,
    requestId: string | undefined,
    parent: SpanContext | null,
    kind: number,
    { began = 0, attributes = {} }: BeginOptions,
  ): Span {
    const context: Context = parent ? api.trace.setSpanContext(api.ROOT_CONTEXT, parent) : api.ROOT_CONTEXT;
    traceId = requestId === undefined ? null : traceIdFor(requestId);
    const span = tracer.startSpan(
      name,
      {
        ...{
          kind,
          attributes: { ...known(attributes), ...(requestId !== undefined && { 'request.id': requestId }) },
        },
        ...(began > 0 && { startTime: systemClock.now() - began }),
      },
      context,
    );
    traceId = null;
    const { traceId: id, spanId, traceFlags } = span.spanContext();
    const traceparent = `00-${id}-${spanId}-0${traceFlags & 1}`;
    return {
      traceparent,
      carried: `${requestId ?? id} ${traceparent}`,
      end(more = {}, failed = false) {
        span.setAttributes(known(more));
        if (failed) span.setStatus({ code: api.SpanStatusCode.ERROR });
        span.end();
      },
    };
  }

  return {
    request: (name, requestId, traceparent) =>
      start(name, requestId, readTraceparent(traceparent), api.SpanKind.SERVER, {}),
    begin(name, carried, begun = {}) {
      const requestId = requestIdOf(carried);
      const context = readTraceparent(carried?.slice((requestId?.length ?? 0) + 1));
      const kind = begun.isCall ? api.SpanKind.CLIENT : api.SpanKind.INTERNAL;
      return start(name, requestId, context, kind, begun);
    },
    async stop() {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, stopMilliseconds);
      });
      await Promise.race([provider.shutdown().catch(() => undefined), late]);
      clearTimeout(timer);
    },
  };
}

function known(attributes: Attributes): OpenTelemetryAttributes {
  return Object.fromEntries(
    Object.entries(attributes).filter(([, value]) => value !== null && value !== undefined),
  ) as OpenTelemetryAttributes;
}

/** The id of the trace of a request with this id. */
function traceIdFor(requestId: string): string {
  const isOne = /^[\da-f]{32}$/.test(requestId) && !/^0+$/.test(requestId);
  return isOne ? requestId : createHash('sha256').update(requestId).digest('hex').slice(0, 32);
}

/** A context of W3C Trace Context; null if it is none. */
function readTraceparent(text: string | undefined): SpanContext | null {
  const parts = /^(?!ff)[\da-f]{2}-(?!0{32})([\da-f]{32})-(?!0{16})([\da-f]{16})-([\da-f]{2})(?:-|$)/.exec(
    text ?? '',
  );
  if (!parts) return null;
  return {
    traceId: parts[1]!,
    spanId: parts[2]!,
    traceFlags: Number.parseInt(parts[3]!, 16) & 1,
    isRemote: true,
  };
}
