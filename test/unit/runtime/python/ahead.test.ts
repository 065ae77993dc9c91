// The handler loaded once, in the process that leaves are forked from.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { runtime } from './leaf.ts';

// As zygote.py does it; then says what a leaf would be like.
const program = `import sys
runtime, directory, settings = sys.argv[1:]
sys.dont_write_bytecode = True
sys.path.insert(0, runtime)
import ahead, leaf
leaf.install()
leaf.rehearse(2, leaf.Handler(runtime + '/rehearsal', {}))
handler = leaf.Handler(directory)
ahead.load(handler, settings)
leaf.rehearse(2, leaf.Handler(runtime + '/rehearsal', {}))
print(handler.kind, handler.call({"x": 1}), sys.modules[handler.call.__module__].calls, sys.path[0] == directory)
`;

function loaded(t: TestContext, source: string, { name = 'f.py', entry = {} } = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'sock-ahead-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  writeFileSync(join(dir, name), source);
  return spawnSync(process.env.PYTHON ?? 'python3', ['-I', '-c', program, runtime, dir, JSON.stringify({ entry })], { encoding: 'utf8' });
}

const good = 'print("imported")\ncalls = 0\ndef f(event):\n  global calls\n  calls += 1\n  return event\n';

test('the handler is there afterwards; rehearsals have not called it, and have not put theirs in its place', (t) => {
  const { status, stdout, stderr } = loaded(t, good);
  assert.deepEqual([status, stderr, stdout], [0, '', "imported\nfunction {'x': 1} 1 True\n"]);
});

test('the entry as configured', (t) => {
  assert.equal(loaded(t, good, { name: 'main.py', entry: { file: 'main.py' } }).status, 0);
});

const refused: Readonly<Record<string, readonly [source: string, why: RegExp]>> = {
  'an import that fails': ['import no_such_module\n', /it failed:\nTraceback.*No module named 'no_such_module'/s],
  'an import that ends the process': ['exit(0)\n', /it failed:\nTraceback.*SystemExit: 0/s],
  'a file that is left open': [`kept = open('/dev/null')\n${good}`, /after it descriptor \d+ is open/],
  'a thread that runs on': [`import threading\nthreading.Thread(target=threading.Event().wait).start()\n${good}`, /after it threads run/],
};
for (const [what, [source, why]] of Object.entries(refused)) {
  test(`${what} makes the process end with the reason`, (t) => {
    const { status, stderr, stdout } = loaded(t, source);
    assert.match(stderr, why);
    assert.match(stderr, /^load the handler once for all sandboxes.*\(each loads it itself now/s);
    assert.deepEqual([status, stdout.replace('imported\n', '')], [1, '']);
  });
}

test('a file that is open only while it loads is none', (t) => {
  assert.equal(loaded(t, `open('/dev/null')\n${good}`).status, 0);
});
