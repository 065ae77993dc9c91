import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import fc from 'fast-check';
import { ConfigError, loadConfig } from '../../../src/config/load.ts';
import { parseOverrides } from '../../../src/config/overrides.ts';

const read: readonly (readonly [text: string, ...overrides: (readonly [path: string, value: unknown])[]])[] = [
  ['worker_port=6000', ['worker_port', 6000]],
  ['worker_dir=/srv/w,limits.procs=3', ['worker_dir', '/srv/w'], ['limits.procs', 3]],
  [' a = 1 , b=2', ['a', 1], ['b', 2]],
  ['registry=', ['registry', '']],
  ['log_output=true,registry="true"', ['log_output', true], ['registry', 'true']],
  ['x=[1,{"y":[2,3]}],z=4', ['x', [1, { y: [2, 3] }]], ['z', 4]],
  ['x="a,b]",y="\\",",z=c', ['x', 'a,b]'], ['y', '",'], ['z', 'c']],
  ['registry=/srv/it"s,b=[odd', ['registry', '/srv/it"s'], ['b', '[odd']],
  ['url=http://h/?a=b', ['url', 'http://h/?a=b']],
];
for (const [text, ...overrides] of read) {
  test(`-o ${text} sets ${overrides.map(([key]) => key).join(' and ')}`, () => {
    assert.deepEqual(
      parseOverrides(text),
      overrides.map(([key, value]) => ({ path: key.split('.'), value })),
    );
  });
}

for (const text of ['', 'worker_port', '=1', 'a=1,', 'a=1,,b=2', 'a=1,b']) {
  test(`-o "${text}" is refused`, () => {
    assert.throws(
      () => parseOverrides(text),
      /^ConfigError: -o ".*": expected key=value, like limits\.mem_mb=100, several with commas between$/,
    );
  });
}

test('overrides win over the file, and later ones over earlier ones', (t) => {
  const config = load(
    t,
    { worker_port: 1, limits: { procs: 7, mem_mb: 60 } },
    'worker_port=2,limits.procs=8',
    'limits.procs=9,trace.requests=5',
  );
  assert.equal(config.worker_port, 2);
  assert.deepEqual([config.limits.procs, config.limits.mem_mb, config.trace.requests], [9, 60, 5]);
});

const refused: readonly (readonly [text: string, problem: string])[] = [
  ['worker_prot=1', '-o worker_prot: expected a known key (did you mean "worker_port"?), got 1'],
  ['limits.memmb=9', '-o limits.memmb: expected a known key (did you mean "mem_mb"?), got 9'],
  ['limits.procs=none', '-o limits.procs: expected a whole number from 1 to 32768, got "none"'],
  ['limits=3', '-o limits: expected an object, got 3'],
  ['worker_port.x=1', '-o worker_port: expected an object to set "x" in, got number'],
  ['__proto__.x=1', '-o __proto__: expected a known key, got {"x":1}'],
  ['limits.__proto__.procs=1', '-o limits.__proto__: expected a known key, got {"procs":1}'],
  ['constructor.prototype.x=1', '-o constructor: expected a known key, got {"prototype":{"x":1}}'],
  ['mem_pool_mb=20', '-o mem_pool_mb: expected at least limits.mem_mb (50), got 20'],
  ['admin_token=short', '-o admin_token: expected 16 to 1024 visible ASCII characters, got a value that is not shown'],
];
for (const [text, problem] of refused) {
  test(`-o ${text} is refused as in the file, naming -o`, (t) => {
    assert.throws(() => load(t, { worker_port: 1 }, text), { name: 'ConfigError', problems: [problem] });
    assert.equal(Reflect.get({}, 'x') ?? Reflect.get({}, 'procs'), undefined);
  });
}

test('a problem of the file beside an override is not blamed on -o', (t) => {
  assert.throws(() => load(t, { limits: { procs: 0 } }, 'limits.mem_mb=60'), /^ConfigError: limits.procs: /);
});

test('no text makes the reader throw anything but ConfigError, and JSON comes back as it was', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.json().map((json) => `a=${json},b=1`),
      ),
      (text) => {
        try {
          parseOverrides(text);
        } catch (error) {
          assert.ok(error instanceof ConfigError);
        }
      },
    ),
  );
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
      assert.deepEqual(
        parseOverrides(`a=${JSON.stringify(a)},b.c=${JSON.stringify(b)}`).map(({ value }) => JSON.stringify(value)),
        [a, b].map((value) => JSON.stringify(value)),
      );
    }),
  );
});

function load(t: test.TestContext, value: object, ...texts: string[]) {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'config-'));
  t.after(() => rmSync(dir, { recursive: true }));
  writeFileSync(path.join(dir, 'config.json'), JSON.stringify({ sandbox: 'sock', ...value }));
  return loadConfig(path.join(dir, 'config.json'), { overrides: texts.flatMap(parseOverrides) });
}
