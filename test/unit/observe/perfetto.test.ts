import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { perfetto } from '../../../src/observe/perfetto.ts';
import { finished, type Given } from './finished.ts';

interface Event {
  readonly ph: string;
  readonly pid: number;
  readonly tid?: number;
  readonly ts?: number;
  readonly name?: string;
  readonly args?: Readonly<Record<string, unknown>>;
}

function traced(...requests: readonly Given[]): readonly Event[] {
  const text = [...perfetto(requests.map(finished))].join('');
  return (JSON.parse(text) as { traceEvents: readonly Event[] }).traceEvents;
}

/** Slices as `process/track: outer > inner from-to`, in us. Reads the events as a viewer does: a stack a track. Throws when they do not nest. */
function slices(events: readonly Event[]): readonly string[] {
  const processes = new Map<number, unknown>();
  const tracks = new Map<unknown, { name: unknown; at: number; open: { name: string | undefined; ts: number }[] }>();
  const all: string[] = [];
  for (const { ph, pid, tid, ts = 0, name, args } of events) {
    if (ph === 'M' && name === 'process_name') processes.set(pid, args?.name);
    if (ph === 'M' && name === 'thread_name') tracks.set(`${pid}/${tid}`, { name: args?.name, at: 0, open: [] });
    if (ph === 'M') continue;
    const track = tracks.get(`${pid}/${tid}`) ?? assert.fail('a track has its name before its first slice');
    assert.ok(ts >= track.at, 'times of a track never fall');
    track.at = ts;
    if (ph === 'B') {
      track.open.push({ name, ts });
      continue;
    }
    assert.equal(ph, 'E');
    const path = track.open.map(({ name }) => name).join(' > ');
    const began = track.open.pop() ?? assert.fail('an end without a beginning');
    all.push(`${processes.get(pid)}/${track.name}: ${path} ${began.ts}-${ts}`);
  }
  for (const { open } of tracks.values()) assert.equal(open.length, 0, 'all slices end');
  return all;
}

test('a request is a slice on the track of its sandbox, and its phases are in it', () => {
  const phases = [['fork', 1.5], ['handler', 0.25]] as const; // biome-ignore format: a table
  assert.deepEqual(slices(traced({ lambda: 'echo', sandbox: '7', start: 'forked', began: 500, phases })), [
    'echo/sandbox 7: forked 200 > fork 0-1500',
    'echo/sandbox 7: forked 200 > handler 1500-1750',
    'echo/sandbox 7: forked 200 0-1750',
  ]);
});

test('lambdas are processes, sandboxes tracks, in the order of time', () => {
  const phases = [] as const;
  const shown = slices(
    traced(
      { lambda: 'b', sandbox: '2', began: 3, phases },
      { lambda: 'a', sandbox: '1', began: 1, phases },
      { lambda: 'a', sandbox: '3', began: 2, phases },
      { lambda: undefined, sandbox: undefined, start: undefined, status: 404, began: 4, phases },
    ),
  );
  assert.deepEqual(shown, [
    'a/sandbox 1: warm 200 0-0',
    'a/sandbox 3: warm 200 1000-1000',
    'b/sandbox 2: warm 200 2000-2000',
    'no lambda/no sandbox: no sandbox 404 3000-3000',
  ]);
});

test('requests that overlap in one sandbox are side by side; one that begins as another ends follows it', () => {
  const phases = [['handler', 2]] as const;
  const shown = slices(traced({ began: 0, phases }, { began: 1, phases }, { began: 2, phases }));
  assert.deepEqual(
    shown.filter((line) => !line.includes('>')),
    ['echo/sandbox 1: warm 200 0-2000', 'echo/sandbox 1 (2): warm 200 1000-3000', 'echo/sandbox 1: warm 200 2000-4000'],
  );
});

test('a slice tells what else is known of its request', () => {
  const [, , , begin] = traced({ requestId: 'x', errorCode: 'handler-raised', status: 500 });
  assert.deepEqual(begin?.args, {
    requestId: 'x',
    method: 'POST',
    path: '/run/echo',
    status: 500,
    start: 'warm',
    error: 'handler-raised',
    bytesIn: 2,
    bytesOut: 3,
  });
});

test('without a request the trace is empty, and still one', () => assert.deepEqual(slices(traced()), []));

test('whatever the times are, slices nest and none is lost', () => {
  const time = fc.double({ min: 0, max: 50, noNaN: true });
  const request = fc.record({
    lambda: fc.constantFrom('a', 'b'),
    sandbox: fc.constantFrom('1', '2', undefined),
    began: fc.double({ min: 0, max: 1e9, noNaN: true }).map((at) => at / 1e7),
    phases: fc.array(fc.tuple(fc.constantFrom('queue', 'handler'), time), { maxLength: 4 }),
  });
  fc.assert(
    fc.property(fc.array(request, { maxLength: 40 }), (requests) => {
      const count = requests.reduce((sum, { phases }) => sum + 1 + phases.length, 0);
      assert.equal(slices(traced(...requests)).length, count);
    }),
  );
});
