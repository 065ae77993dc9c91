// A language is a folder and its name in languages.ts. Who else names one stands here, with the reason.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { languages } from '../../../src/runtime/languages.ts';
import { allRuntimes } from '../../../src/runtime/runtimes.ts';
import { packageRoot } from '../../../src/sandbox/sock/native.ts';

const src = join(packageRoot(), 'src');
const all = allRuntimes({ packageRoot: packageRoot(), base: '/', node: process.execPath, memoryBytes: 50 << 20 });

const others: Readonly<Record<string, string>> = {
  'cli/doctor/kernel.ts': 'a probe that is written in Python',
  'cli/doctor/programs.ts': 'the worker needs Python on the machine: its sandboxes of Python are there from the start',
  'cli/program.ts': 'the help tells the most usual entry file',
  'config/schema.ts': 'tells which base image code packages run in',
  'http/admin/registry.ts': 'a single Python file may be uploaded as such',
  'registry/limits.ts': 'a single Python file is an entry of the registry',
  'sandbox/docker/backend.ts': 'images run with the Python runtime only, so far',
  'sandbox/docker/image-kind.ts': 'images run with the Python runtime only, so far',
};

test('a language is named in its folder and in the table, and by those only who have a reason', () => {
  const entries = all.flatMap((runtime) => runtime.entries).map((name) => name.replaceAll('.', '\\.'));
  // 'node' alone is also the worker's own: `node:` and http_engine.
  const names = new RegExp(`\\b(${entries.join('|')})\\b|['"\`/ ](python|native)['"\`]|python3|[a-z]Runtime\\(`);
  const code = (file: string): string => readFileSync(join(src, file), 'utf8').replace(/^\s*(\/\/|\/\*|\*).*$/gm, '');
  const naming = readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !languages.some((language) => file.startsWith(`runtime/${language}/`)))
    .filter((file) => names.test(code(file)));
  assert.deepEqual(naming.sort(), [...Object.keys(others), 'runtime/languages.ts'].sort());
});

test('the table and the folders are the same languages, each with what a new lambda is made of', () => {
  const folders = readdirSync(join(src, 'runtime')).filter((name) => statSync(join(src, 'runtime', name)).isDirectory());
  assert.deepEqual(folders.sort(), [...languages].sort());
  for (const [i, runtime] of all.entries()) {
    assert.equal(runtime.name, languages[i]);
    const template = readdirSync(join(src, 'runtime', runtime.name, 'template'));
    assert.ok(runtime.handles(template, {}), `${template} is of ${runtime.name}`);
    assert.ok(template.some((file) => runtime.entries.includes(file)));
  }
});
