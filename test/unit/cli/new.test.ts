import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { newLambda } from '../../../src/cli/new/new.ts';
import { template } from '../../../src/cli/new/template.ts';
import { parseLambdaSettings } from '../../../src/config/lambda-settings.ts';
import { parseConfig } from '../../../src/config/load.ts';
import { type Language, languages as runtimes } from '../../../src/runtime/languages.ts';

test('a name that is taken, in whichever form, or that is none, is refused and nothing is written', (t) => {
  const { config, registry } = worker(t);
  writeFileSync(join(registry, 'packed.tar.gz'), '');
  writeFileSync(join(registry, 'single.py'), '');
  mkdirSync(join(registry, 'folder'));
  for (const name of ['packed', 'single', 'folder'])
    assert.throws(() => newLambda(name, { config, runtime: 'python' }), /is there \(take another name/, name);
  for (const name of ['..', 'a/b', 'é', ''])
    assert.throws(
      () => newLambda(name, { config, runtime: 'python' }),
      { exitCode: 2, message: /^write the lambda ".*": a lambda's name has letters/ },
      name,
    );
  assert.deepEqual(readdirSync(registry).sort(), ['folder', 'packed.tar.gz', 'single.py']);
});

test('a new lambda is whole in the registry, which is made where it is missing', (t) => {
  const { config, registry } = worker(t);
  rmSync(registry, { recursive: true });
  t.mock.method(process.stdout, 'write', () => true);
  for (const runtime of runtimes) newLambda(runtime, { config, runtime });
  t.mock.restoreAll();
  assert.deepEqual(readdirSync(registry).sort(), [...runtimes].sort());
  for (const runtime of runtimes)
    assert.deepEqual(
      readdirSync(join(registry, runtime)).sort(),
      template(runtime)
        .map(({ file }) => file)
        .sort(),
    );
});

test('it tells how to call it where the worker listens', (t) => {
  const { config } = worker(t);
  const content = JSON.parse(readFileSync(config, 'utf8')) as object;
  const told = (name: string, keys: object): string => {
    writeFileSync(config, JSON.stringify({ ...content, ...keys }));
    const written = t.mock.method(process.stdout, 'write', () => true);
    newLambda(name, { config, runtime: 'python' });
    t.mock.restoreAll();
    return written.mock.calls.map(({ arguments: [text] }) => String(text)).join('');
  };
  assert.match(told('a', {}), / http:\/\/localhost:8080\/run\/a /);
  assert.match(told('b', { worker_port: 81, worker_url: '0.0.0.0' }), / http:\/\/localhost:81\/run\/b /);
  assert.match(told('c', { worker_port: 81, worker_url: '::1' }), / http:\/\/\[::1\]:81\/run\/c /);
  assert.match(told('d', { worker_port: 0 }), / http:\/\/localhost:PORT\/run\/d .*\nPORT: worker_port is 0/);
});

for (const runtime of runtimes) {
  test(`the settings of a new ${runtime} lambda are in order`, () => {
    const text = template(runtime).find(({ file }) => file === 'ol.yaml')?.text ?? '';
    assert.deepEqual(parseLambdaSettings(text, parseConfig({ sandbox: 'sock' })).environment, [['GREETING', 'Hello']]);
  });
}

/** What a runtime does with the code, in short. */
const programs: Readonly<Record<Language, readonly [command: string, ...args: string[]]>> = {
  python: ['python3', '-c', 'import f, json; print(json.dumps(f.f({"name": "you"})))'],
  node: [
    process.execPath,
    '--input-type=module',
    '-e',
    'import { handler } from "./index.mjs"; console.log(JSON.stringify(await handler({ name: "you" })));',
  ],
  native: ['sh', '-c', './f.bin && cat /tmp/output'],
};
for (const runtime of runtimes) {
  test(`a new ${runtime} lambda greets`, (t) => {
    const { dir } = worker(t);
    // /tmp/output is a sandbox's own; here it would be everybody's.
    const output = join(dir, 'output');
    for (const { file, mode = 0o644, text } of template(runtime))
      writeFileSync(join(dir, file), text.replaceAll('/tmp/output', output), { mode });
    const [command, ...args] = programs[runtime];
    const { stdout, stderr } = spawnSync(
      command,
      args.map((arg) => arg.replaceAll('/tmp/output', output)),
      {
        cwd: dir,
        input: '{"name": "you"}',
        encoding: 'utf8',
      },
    );
    assert.equal(stderr, '');
    const [line, reply = ''] = stdout.split('\n');
    assert.equal(line, 'greeting you');
    assert.deepEqual(JSON.parse(reply), { message: 'Hello, you!' });
  });
}

function worker(t: TestContext): { dir: string; config: string; registry: string } {
  const dir = mkdtempSync(join(tmpdir(), 'new-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const [config, registry] = [join(dir, 'config.json'), join(dir, 'registry')];
  mkdirSync(registry);
  writeFileSync(config, JSON.stringify({ sandbox: 'sock', registry, worker_dir: join(dir, 'worker') }));
  return { dir, config, registry };
}
