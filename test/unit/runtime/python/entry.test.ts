// Which part of the code is called: kSetup, environment, what the module has.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type LeafOptions, startLeaf } from './leaf.ts';

const f = 'def f(event): return "f"\n';
const wsgi = (name: string): string => `def ${name}(environ, start_response):\n  start_response("200 OK", [])\n  return [b"${name}"]\n`;
/** What a call gives that asks an application for `http`, whichever way that is called. */
const asgi = (head: string, indent = ''): string => `${head}
${indent}  await send({"type": "http.response.start", "status": 200, "headers": []})
${indent}  await send({"type": "http.response.body", "body": scope["type"].encode()})
`;

interface Choice extends Omit<LeafOptions, 'files'> {
  readonly files?: Readonly<Record<string, string>>;
  readonly setup?: unknown;
  readonly body: string | RegExp;
}

const choices: Readonly<Record<string, Choice>> = {
  'f.py without a word': { files: { 'f.py': f }, body: '"f"' },
  'f before app': { files: { 'f.py': f + wsgi('app') }, body: '"f"' },
  'app where there is no f': { files: { 'f.py': wsgi('app') }, body: 'app' },
  'an app that is a coroutine function is of ASGI': { files: { 'f.py': asgi('async def app(scope, receive, send):') }, body: 'http' },
  'an app whose __call__ is one, too': {
    files: { 'f.py': `class App:\n${asgi('  async def __call__(self, scope, receive, send):', '  ')}app = App()\n` },
    body: 'http',
  },
  'OL_ENTRY_FILE': { files: { 'main.py': f }, environment: { OL_ENTRY_FILE: 'main.py' }, body: '"f"' }, // biome-ignore format: a table
  'OL_WSGI_ENTRY before f': { files: { 'f.py': f + wsgi('mine') }, environment: { OL_WSGI_ENTRY: 'mine' }, body: 'mine' },
  'OL_WSGI_ENTRY before OL_ASGI_ENTRY': {
    files: { 'f.py': wsgi('mine') },
    environment: { OL_WSGI_ENTRY: 'mine', OL_ASGI_ENTRY: 'x' },
    body: 'mine',
  },
  'the setup before the environment': {
    files: { 'a.py': wsgi('one'), 'b.py': wsgi('two') },
    environment: { OL_ENTRY_FILE: 'a.py', OL_WSGI_ENTRY: 'one' },
    setup: { entry: { file: 'b.py', wsgi: 'two' } },
    body: 'two',
  },
  'the environment that the setup brings': {
    files: { 'main.py': 'import os\nat_import = os.environ["A"]\ndef f(event): return at_import\n' },
    setup: { environment: { A: 'set', OL_ENTRY_FILE: 'main.py' } },
    body: '"set"',
  },
  'a module of a package, which may import its neighbours': {
    files: {
      'pkg/__init__.py': '',
      'pkg/near.py': 'name = "near"\n',
      'pkg/main.py': 'from .near import name\ndef f(event): return name\n',
    },
    environment: { OL_ENTRY_FILE: 'pkg/main.py' },
    body: '"near"',
  },
  'a name with a hyphen': { files: { 'my-app.py': f }, environment: { OL_ENTRY_FILE: 'my-app.py' }, body: '"f"' },
  'a file that is not there': { files: {}, body: /FileNotFoundError.*f\.py/ },
  'a file that is no Python': {
    files: {},
    environment: { OL_ENTRY_FILE: 'f.sh' },
    body: /OL_ENTRY_FILE\) must be the path of a Python module.*'f\.sh'/,
  },
  'a file outside': { files: {}, setup: { entry: { file: '../f.py' } }, body: /must be the path of a Python module in the package/ },
  'an absolute file': { files: {}, setup: { entry: { file: '/f.py' } }, body: /must be the path of a Python module in the package/ },
  'a module without anything to call': { files: { 'f.py': '' }, body: /defines neither a function f\(event\) nor an application app/ },
  'an entry that is not there': {
    files: { 'f.py': f },
    environment: { OL_ASGI_ENTRY: 'mine' },
    body: /the ASGI application 'mine' is not there/,
  },
  'an f that is no function': { files: { 'f.py': 'f = 1\n' }, body: /the function 'f' is not callable/ },
  'an environment that no system has': { files: { 'f.py': f }, setup: { environment: { 'A=B': '1' } }, body: /ValueError/ },
};
for (const [what, { files = {}, setup, body, ...options }] of Object.entries(choices)) {
  test(`${what}`, async (t) => {
    const leaf = await startLeaf(t, { files, ...options });
    if (setup !== undefined) leaf.setup(setup);
    const answer = await leaf.call();
    if (typeof body === 'string') assert.deepEqual([answer.status, String(answer.body)], [200, body]);
    else {
      assert.deepEqual([answer.status, answer.error], [500, 'handler-raised']);
      assert.match(String(answer.body), body);
    }
  });
}
