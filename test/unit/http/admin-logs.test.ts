// /logs/<name>: the tail, what follows, and a reader that is slower than the lambda.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { observing } from '../../../src/http/admin/observing.ts';
import type { Asked } from '../../../src/http/admin/route.ts';
import { Output } from '../../../src/observe/output.ts';
import { Profiler } from '../../../src/observe/profile.ts';
import { Metrics } from '../../../src/observe/prometheus.ts';
import { Recorder } from '../../../src/observe/recorder.ts';

function logs() {
  const [output, recorder, gone] = [new Output(), new Recorder(), new AbortController()];
  const answerers = observing({
    recorder,
    metrics: new Metrics(recorder, () => []),
    profiler: new Profiler({ limitMs: 1000, onLimit: () => {} }),
    output,
    exists: (name) => name === 'quiet',
    status: () => assert.fail(),
    details: () => assert.fail(),
    pulls: () => [],
    memory: () => assert.fail(),
  });
  const print = (line: string) => output.add('l', { time: 0, stream: 'stdout', requestId: 'r', line });
  const ask = async (name: string, query: string) => {
    const asked = { name, query: new URLSearchParams(query), gone: gone.signal } as Asked;
    const { body } = await answerers.logs(asked);
    return (body as AsyncIterable<string>)[Symbol.asyncIterator]();
  };
  return { print, ask, gone };
}

const line = (text: string) => `1970-01-01T00:00:00.000Z r stdout: ${text}\n`;

test('the last lines, as many as are asked for', async () => {
  const { print, ask } = logs();
  for (const text of ['a', 'b', 'c']) print(text);
  assert.equal((await (await ask('l', 'n=2')).next()).value, line('b') + line('c'));
  await assert.rejects(ask('l', 'n=-1'), { code: 'query-invalid' });
});

test('a name that has printed nothing is told from one that is not there', async () => {
  const { ask } = logs();
  assert.equal((await (await ask('quiet', '')).next()).done, true);
  await assert.rejects(ask('typo', ''), { code: 'lambda-unknown' });
});

test('whoever follows hears at once, then of each line, until it is gone', async () => {
  const { print, ask, gone } = logs();
  print('kept');
  const follow = await ask('l', 'follow=1&n=1');
  assert.equal((await follow.next()).value, line('kept'));
  const next = follow.next();
  print('one');
  assert.equal((await next).value, line('one'));
  const last = follow.next();
  gone.abort();
  assert.equal((await last).done, true);
  assert.match((await (await logs().ask('quiet', 'follow=1')).next()).value, /nothing to show yet/);
});

test('what a slow reader misses is counted, and what had been kept for it still comes', async () => {
  const { print, ask } = logs();
  print('first');
  const follow = await ask('l', 'follow=1');
  await follow.next();
  for (let i = 0; i < 30; i++) print(`${i} ${'x'.repeat(100_000)}`);
  const text: string = (await follow.next()).value;
  assert.match(text, /stdout: 0 x/);
  const kept = text.match(/stdout: \d+ x/g)?.length ?? 0;
  assert.ok(kept > 5 && kept < 30, `${kept}`);
  assert.ok(text.endsWith(`(${30 - kept} lines are missing here: they came faster than they were taken)\n`));
});
