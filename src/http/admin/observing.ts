// What the worker tells of itself: counters, traces, profiles, what its sandboxes do, what lambdas print.
import { WorkerError } from '../../errors.ts';
import type { CatalogStatus } from '../../lambda/catalog.ts';
import type { LambdaDetails } from '../../lambda/details.ts';
import type { Output, OutputLine } from '../../observe/output.ts';
import { perfetto } from '../../observe/perfetto.ts';
import { ProfileRefused, type Profiler } from '../../observe/profile.ts';
import { contentType, type Metrics } from '../../observe/prometheus.ts';
import type { Recorder } from '../../observe/recorder.ts';
import { ndjson, select, type TraceFilter } from '../../observe/traces.ts';
import { type PullProgress, progressText } from '../../registry/oci/progress.ts';
import { type Backend, startClasses } from '../../sandbox/sandbox.ts';
import { json, plain } from '../error-reply.ts';
import { memoryText } from './memory-text.ts';
import type { Answer, Answerer } from './route.ts';

export interface ObservingOptions {
  readonly recorder: Recorder;
  readonly metrics: Metrics;
  readonly profiler: Profiler;
  readonly output: Output;
  /** Whether there is something of this name that can print. */
  exists(name: string): boolean;
  status(): CatalogStatus;
  details(): readonly LambdaDetails[];
  readonly memory: Backend['memory'];
  /** Images that are being pulled. */
  pulls(): readonly PullProgress[];
}

export type Observing = Readonly<Record<'stats' | 'metrics' | 'debug' | 'trace' | 'cpuStart' | 'cpuStop' | 'heap' | 'logs', Answerer>>;

export function observing({ recorder, metrics, profiler, output, exists, status, details, memory, pulls }: ObservingOptions): Observing {
  return {
    stats: () => ({ headers: [json], body: `${JSON.stringify(recorder.stats.snapshot())}\n` }),
    metrics: () => ({ headers: [['content-type', contentType]], body: metrics.text() }),
    debug: async () => ({
      headers: [plain],
      body: debugText(status(), details(), await memory()) + pulls().map(pullText).join(''),
    }),
    trace: ({ query }) => {
      const requests = select(recorder.ring.list(), filterOf(query));
      return oneOf(query, 'format', ['ndjson', 'chrome']) === 'chrome'
        ? download('application/json', 'trace.json', pieces(perfetto(requests)))
        : { headers: [['content-type', 'application/x-ndjson']], body: pieces(ndjson(requests)) };
    },
    cpuStart: harmless(() =>
      profiled(async () => {
        await profiler.startCpu();
        return { headers: [plain], body: 'started; /pprof/cpu-stop ends it\n' };
      }),
    ),
    cpuStop: harmless(() => profiled(async () => download('application/json', 'worker.cpuprofile', await profiler.stopCpu()))),
    heap: harmless(() => profiled(async () => download('application/json', 'worker.heapsnapshot', profiler.heap()))),
    logs: ({ name, query, gone }) => {
      const n = number(query, 'n');
      if (output.tail(name).length === 0 && !exists(name)) throw new WorkerError('lambda-unknown');
      const lines = query.get('follow') === '1' ? followed(output, name, n, gone) : pieces(output.tail(name, n).map(lineText));
      return { headers: [plain], body: lines };
    },
  };
}

/** A block a lambda, a line a sandbox. */
function debugText(
  { lambdas, instances, queued, inFlight, room }: CatalogStatus,
  all: readonly LambdaDetails[],
  used: ReadonlyMap<string, number>,
): string {
  const mib = (bytes: number): string => `${Math.round(bytes / (1 << 20))} MiB`;
  const head = `${lambdas} lambdas, ${instances} instances, ${queued} calls queued, ${inFlight} in flight, ${mib(room.takenBytes)} of ${mib(room.mostBytes)} taken\n`;
  const blocks = all.map(({ name, queued: waiting, calls, problem, runs, sandboxes }) => {
    const lines = sandboxes.map(
      ({ id, state, start, load, served, ageMs, digest }) =>
        `  SANDBOX ${id}: ${state}, started ${start}, ${load} calls now, ${served} in all, ${(ageMs / 1000).toFixed(1)} s old, code ${digest.slice(0, 12)}, ${memoryText(used.get(id))}\n`,
    );
    return `\nLAMBDA ${name}: ${waiting} queued, ${calls} calls, ${runs === undefined ? problem : `${mib(runs.memoryBytes)} a sandbox`}\n${lines.join('')}`;
  });
  return head + blocks.join('');
}

function pullText(pull: PullProgress): string {
  return `\nPULL ${pull.image}: ${progressText(pull)}\n`;
}

function filterOf(query: URLSearchParams): TraceFilter {
  const start = oneOf(query, 'start', startClasses);
  const lambda = query.get('lambda') ?? undefined;
  return { lambda, start, since: number(query, 'since'), minMs: number(query, 'min_ms'), limit: number(query, 'limit') };
}

function oneOf<T extends string>(query: URLSearchParams, key: string, known: readonly T[]): T | undefined {
  const text = query.get(key);
  const found = known.find((name) => name === text);
  if (text !== null && found === undefined)
    throw new WorkerError('query-invalid', { detail: `${key}: expected one of ${known.join(', ')}` });
  return found;
}

function number(query: URLSearchParams, key: string): number | undefined {
  const text = query.get(key);
  if (text === null) return undefined;
  if (!/^\d{1,16}(\.\d{1,6})?$/.test(text)) throw new WorkerError('query-invalid', { detail: `${key}: expected a number, not below 0` });
  return Number(text);
}

/** OpenLambda's clients GET what changes something; HEAD at least may not. */
function harmless(answerer: Answerer): Answerer {
  return (asked) => (asked.method === 'HEAD' ? { headers: [plain], body: '' } : answerer(asked));
}

async function profiled(attempt: () => Promise<Answer>): Promise<Answer> {
  try {
    return await attempt();
  } catch (cause) {
    if (cause instanceof ProfileRefused) throw new WorkerError('profile-refused', { detail: cause.message });
    throw cause;
  }
}

function download(type: string, name: string, body: AsyncIterable<string | Uint8Array>): Answer {
  return {
    headers: [
      ['content-type', type],
      ['content-disposition', `attachment; filename="${name}"`],
    ],
    body,
  };
}

/** Some texts at a time, so that other work has its turn. */
async function* pieces(texts: Iterable<string>): AsyncGenerator<string> {
  let gathered = '';
  for (const text of texts) {
    gathered += text;
    if (gathered.length < 64 << 10) continue;
    yield gathered;
    gathered = '';
    await new Promise(setImmediate);
  }
  if (gathered !== '') yield gathered;
}

/** UTF-16 units of lines that nobody has taken yet; what is more is dropped, and told. */
const mostWaiting = 1 << 20;

/** Sends something at once, so that whoever follows knows that it does. */
async function* followed(output: Output, lambda: string, n: number | undefined, gone: AbortSignal): AsyncGenerator<string> {
  let waiting = output.tail(lambda, n).map(lineText).join('') || '(nothing to show yet)\n';
  let dropped = 0;
  let wake = (): void => {};
  const stop = output.follow(lambda, (line) => {
    if (waiting.length < mostWaiting) waiting += lineText(line);
    else dropped++;
    wake();
  });
  gone.addEventListener('abort', () => wake(), { once: true });
  try {
    while (!gone.aborted) {
      const lines = waiting + (dropped > 0 ? `(${dropped} lines are missing here: they came faster than they were taken)\n` : '');
      [waiting, dropped] = ['', 0];
      if (lines !== '') yield lines;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    stop();
  }
}

function lineText({ time, stream, requestId, line }: OutputLine): string {
  return `${new Date(time).toISOString()} ${requestId ?? '-'} ${stream}: ${line}\n`;
}
