// What a lambda inherits: descriptors, environment, arguments, randomness.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { needsRoot, startWorker, suiteOwner, type Worker } from '../worker.ts';
import { callCold, coldClasses, type Outcome, type Outcomes, source } from './attempts.ts';
import { openFiles } from './host.ts';

const lambdas = { one: source('descriptors'), two: source('descriptors') };
const got = <T>(outcome: Outcome | undefined): T => outcome?.value as T;

for (const start of coldClasses) {
  describe(`a ${start} lambda`, needsRoot, () => {
    const owner = suiteOwner();
    let worker: Worker;
    before(async () => {
      worker = await startWorker(owner, {
        lambdas,
        config: { max_standbys: 2 },
        env: { SECRET_OF_THE_HOST: 'x', PYTHONPATH: '/tmp', LD_LIBRARY_PATH: '/tmp' },
      });
    });
    const ask = async (lambda: string, attacks: readonly string[], given = {}): Promise<Outcomes> => {
      const answer = await callCold(worker, lambda, { attacks, given }, start);
      assert.equal(answer.status, 200, answer.text);
      return answer.json<Outcomes>();
    };

    test('has four descriptors: nothing to read, two pipes, its channel', async () => {
      const { descriptors: found } = await ask('one', ['descriptors']);
      assert.deepEqual(found, { value: { 0: 'device 1:3', 1: 'pipe', 2: 'pipe', 3: 'socket' } });
    });

    test('has the environment that is meant for it and nothing else', async () => {
      const seen = await ask('one', ['environment', 'arguments']);
      const { LC_CTYPE = 'C.UTF-8', ...rest } = got<Record<string, string>>(seen.environment);
      assert.deepEqual(rest, { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: '/tmp', USER: 'lambda', LANG: 'C.UTF-8', TMPDIR: '/tmp' });
      assert.equal(LC_CTYPE, 'C.UTF-8');
      assert.ok(got<string[]>(seen.arguments).every((arg) => !arg.includes(process.cwd())));
    });

    test('leaves no mark on what others inherit too', async () => {
      const unmarked = { value: { nonblocking: false, signal: 0 } };
      assert.deepEqual((await ask('one', ['mark_stdin', 'stdin_marks'])).stdin_marks, { value: { nonblocking: true, signal: 42 } });
      assert.deepEqual((await ask('two', ['stdin_marks'])).stdin_marks, unmarked);
    });

    test('gives the worker no descriptor and gets none', async () => {
      const { receive_descriptors, send_descriptors } = await ask('two', ['receive_descriptors', 'send_descriptors'], { request: 1 });
      assert.deepEqual([receive_descriptors, send_descriptors], [{ value: [] }, { value: null }]);
      const open = openFiles(worker.pid);
      assert.ok(open.some((path) => path.includes('cgroup.freeze')));
      assert.deepEqual(
        open.filter((path) => path.includes('handed-over')),
        [],
      );
    });

    test('has random numbers of its own', async () => {
      const [one, two] = [await ask('one', ['random_numbers']), await ask('two', ['random_numbers'])];
      const [a, b] = [got<unknown[]>(one.random_numbers), got<unknown[]>(two.random_numbers)];
      for (const [i, number] of a.entries()) assert.notEqual(number, b[i]);
    });
  });
}

test('the look at descriptors sees one that has leaked', needsRoot, () => {
  const leaked = openSync('/etc/passwd', 'r');
  const code = `${source('descriptors')}\nprint(json.dumps(descriptors()))`;
  const seen = spawnSync('/usr/bin/python3', ['-I', '-c', code], {
    stdio: ['ignore', 'pipe', 'inherit', 'inherit', leaked],
    encoding: 'utf8',
  });
  closeSync(leaked);
  assert.equal((JSON.parse(seen.stdout) as Record<string, string>)[4], 'file');
});

test('the mark on an open file is seen by those who share it', needsRoot, () => {
  const shared = openSync('/dev/null', 'r');
  const look = (name: string): string => {
    const code = `${source('descriptors')}\nprint(json.dumps(f({'attacks': ['${name}']})))`;
    return spawnSync('/usr/bin/python3', ['-I', '-c', code], { stdio: [shared, 'pipe', 'inherit'], encoding: 'utf8' }).stdout;
  };
  look('mark_stdin');
  const marks = JSON.parse(look('stdin_marks')) as Outcomes;
  closeSync(shared);
  assert.equal(got<{ signal: number }>(marks.stdin_marks).signal, 42);
});
