// The architecture as a test: which folder may know which, and the one file that knows each heavy dependency.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const src = fileURLToPath(new URL('../../../src', import.meta.url));

/** Arrows between the folders of src/, downwards only. A new one fails until it stands here, with the thought that it is worth it. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  'main.ts': ['config', 'http', 'lambda', 'observe', 'registry', 'runtime', 'sandbox', 'signals.ts', 'stopping.ts'],
  cli: ['config', 'errors.ts', 'lambda', 'main.ts', 'registry', 'runtime', 'sandbox'],
  http: ['config', 'errors.ts', 'lambda', 'observe', 'registry', 'sandbox'],
  lambda: ['config', 'errors.ts', 'observe', 'registry', 'sandbox'],
  registry: ['errors.ts', 'sandbox'],
  sandbox: ['errors.ts', 'observe', 'runtime'],
  runtime: [],
  config: [],
  observe: [],
  'errors.ts': [],
  'signals.ts': [],
  'stopping.ts': ['observe'],
};

/** Finer arrows: these folders know one file of the sandbox, its interface. (main.ts makes the backend.) */
const interfaceOnly = ['http', 'lambda', 'registry'];

/** Packages that one file knows, and what lets the addon in. */
const single: Readonly<Record<string, { readonly pattern: RegExp; readonly file: string }>> = {
  uWebSockets: { pattern: /import\.meta\.resolve\('uWebSockets|from 'uWebSockets|require\('uWebSockets/, file: 'http/uws.ts' },
  Piscina: { pattern: /from 'piscina'|import\('piscina'\)/, file: 'registry/unpack-pool.ts' },
  'the addon': { pattern: /createRequire\([^\n]*sock\.node/, file: 'sandbox/sock/native.ts' },
};

interface Arrow {
  readonly from: string;
  readonly to: string;
}

const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
const text = (file: string): string => readFileSync(join(src, file), 'utf8');
const room = (file: string): string => file.split('/')[0] ?? file;

const arrows: readonly Arrow[] = files.flatMap((from) =>
  [...text(from).matchAll(/(?:from|import\() ?'(\.[^']+)'/g)].map(([, to = '']) => ({
    from,
    to: relative(src, join(src, from, '..', to)),
  })),
);

test('imports go downwards only', () => {
  const wrong = arrows.filter(({ from, to }) => room(from) !== room(to) && !allowed[room(from)]?.includes(room(to)));
  assert.deepEqual(wrong, [], 'not in the list of allowed arrows');
});

test('no allowed arrow is unused, so that the list tells what is', () => {
  const used = new Set(arrows.map(({ from, to }) => `${room(from)} -> ${room(to)}`));
  const unused = Object.entries(allowed).flatMap(([from, tos]) => tos.map((to) => `${from} -> ${to}`).filter((arrow) => !used.has(arrow)));
  assert.deepEqual(unused, []);
});

test('the list of allowed arrows has no circle', () => {
  const below = (name: string, path: readonly string[]): void => {
    assert.ok(!path.includes(name), `circle: ${[...path, name].join(' -> ')}`);
    for (const next of allowed[name] ?? []) below(next, [...path, name]);
  };
  for (const name of Object.keys(allowed)) below(name, []);
});

test('above the sandbox only its interface is known', () => {
  const wrong = arrows.filter(
    ({ from, to }) => interfaceOnly.includes(room(from)) && room(to) === 'sandbox' && to !== 'sandbox/sandbox.ts',
  );
  assert.deepEqual(wrong, []);
});

for (const [name, { pattern, file }] of Object.entries(single)) {
  test(`one file knows ${name}`, () => {
    assert.deepEqual(
      files.filter((candidate) => pattern.test(text(candidate))),
      [file],
    );
  });
}
