// Lambdas of every language through a whole worker: how they start, what they find around them, and packages as they are written for OpenLambda.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { before, describe, test } from 'node:test';
import { callCold, source } from './isolation/attempts.ts';
import { addAttacker, otherLanguages } from './isolation/languages.ts';
import { needsRoot, startWorker, suiteOwner, type Worker } from './worker.ts';

type Files = Readonly<Record<string, string>>;

/** What an entry of the registry has, and what it answers to whom. */
interface Written {
  readonly files: Files;
  readonly calls: readonly (readonly [method: string, rest: string, body: unknown, status: number, text: string])[];
}

const httpTriggers = 'triggers:\n  http:\n    - method: GET\n    - method: POST\n';
const program = 'import json\nfrom wsgiref.util import request_uri\n';
const written: Readonly<Record<string, Written>> = {
  'f(event)': {
    files: { 'f.py': 'def f(event):\n    return {"got": event}\n' },
    calls: [
      ['POST', '', { a: 1 }, 200, '{"got": {"a": 1}}'],
      ['POST', '', undefined, 200, '{"got": {}}'],
    ],
  },
  'a sandbox for each call': {
    files: {
      'f.py': 'calls = 0\ndef f(event):\n    global calls\n    calls += 1\n    return calls\n',
      'ol.yaml': 'triggers:\n  http:\n    - method: POST\n\nreuse-sandbox: false',
    },
    calls: [
      ['POST', '', {}, 200, '1'],
      ['POST', '', {}, 200, '1'],
      ['GET', '', undefined, 405, 'HTTP method not allowed. Sent: GET, Allowed: [POST]\n'],
    ],
  },
  'variables in the environment': {
    files: {
      'f.py': 'import os\nAT_IMPORT = os.environ["MY_URL"]\ndef f(event):\n    return [AT_IMPORT, os.environ.get("OL_NO")]\n',
      'ol.yaml': `${httpTriggers}environment:\n  MY_URL: "postgresql://user:pass@localhost/db"\n`,
    },
    calls: [['GET', '', undefined, 200, '["postgresql://user:pass@localhost/db", null]']],
  },
  'OL_ENTRY_FILE, its app': {
    files: {
      'app.py': `${program}def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']} {environ['SCRIPT_NAME']}".encode()]
`,
      'ol.yaml': `${httpTriggers}environment:\n  OL_ENTRY_FILE: "app.py"\n`,
    },
    calls: [
      ['GET', '', undefined, 200, 'GET / /run/NAME'],
      ['POST', '/a%20b', {}, 200, 'POST /a b /run/NAME'],
    ],
  },
  'OL_ENTRY_FILE and OL_WSGI_ENTRY, beside an f': {
    files: {
      'src/main.py': `from html import escape

def f(event):
    raise Exception("not this one")

def mine(environ, start_response):
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    start_response("404 Not Found" if environ["PATH_INFO"] == "/none" else "200 OK", [("Content-Type", "text/plain")])
    return [escape(body.decode()).encode()]
`,
      'ol.yaml': `${httpTriggers}environment:\n  OL_ENTRY_FILE: "src/main.py"\n  OL_WSGI_ENTRY: "mine"\n`,
    },
    calls: [
      ['POST', '/', '<b>', 200, '&quot;&lt;b&gt;&quot;'],
      ['GET', '/none', undefined, 404, ''],
    ],
  },
  OL_ASGI_ENTRY: {
    files: {
      'f.py': `import contextlib
started = []

async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            kind = (await receive())["type"]
            started.append(kind)
            await send({"type": kind + ".complete"})
            if kind == "lifespan.shutdown": return
    body = (await receive())["body"]
    await send({"type": "http.response.start", "status": 201, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": f'{scope["path"]} {started} '.encode() + body})
`,
      'ol.yaml': 'environment:\n  OL_ASGI_ENTRY: "application"\n',
    },
    calls: [['PUT', '/x', [1], 201, "/run/NAME/x ['lifespan.startup'] [1]"]],
  },
  'an f.bin that takes its argument and writes the file': {
    files: { 'f.bin': '#!/bin/sh\necho this is the log\nprintf %s "$1" > /tmp/output\n' },
    calls: [
      ['POST', '', { a: 1 }, 200, '{"a":1}'],
      ['POST', '', undefined, 200, ''],
    ],
  },
  'an f.bin that fails': {
    files: { 'f.bin': '#!/bin/sh\necho why >&2\nexit 3\n' },
    calls: [['POST', '', {}, 500, 'the handler raised an exception: Function failed with error_code: 3\nwhy\n\n']],
  },
};

const descriptorsOfNode = `import { readdirSync, readlinkSync } from 'node:fs';
const link = (fd) => { try { return [[fd, readlinkSync('/proc/self/fd/' + fd)]]; } catch { return []; } };
export default () => Object.fromEntries(readdirSync('/proc/self/fd').flatMap(link));
`;

interface Status {
  readonly runtimes: Readonly<Record<string, { readonly standbys: number } | undefined>>;
}

describe('lambdas of every language', needsRoot, () => {
  const owner = suiteOwner();
  let worker: Worker;
  before(async () => {
    worker = await startWorker(owner, { config: { limits: { procs: 20, mem_mb: 96 } } });
    for (const language of otherLanguages) addAttacker(worker, `around-${language}`, language, source('descriptors'));
    add('node', { 'index.mjs': descriptorsOfNode });
    add('native', { 'f.bin': '#!/bin/sh\necho native\n' });
  });

  for (const language of otherLanguages) {
    test(`${language}: the first starts its program, and the next ones find a standby, with what is theirs and nothing else`, async () => {
      const first = await worker.call(language, {});
      assert.deepEqual([first.status, first.headers['x-start-class']], [200, 'spawned'], first.text);
      for (let looks = 0, waiting = 0; waiting === 0; looks++) {
        waiting = (await worker.status<Status>()).runtimes[language]?.standbys ?? 0;
        assert.ok(looks < 5000, 'no standby is made');
      }
      const next = await worker.call(`around-${language}`, { attacks: ['descriptors', 'environment'] });
      assert.equal(next.headers['x-start-class'], 'standby');
      const { descriptors, environment } = next.json<{ descriptors: { value: object }; environment: { value: Record<string, string> } }>();
      // Those of Node's child are Node's affair.
      if (language === 'native') assert.deepEqual(descriptors.value, { 0: 'pipe', 1: 'pipe', 2: 'pipe' });
      const names = Object.keys(environment.value).filter((name) => !/^(SOCK_|LC_CTYPE$|PWD$)/.test(name));
      const own = language === 'node' ? ['UV_THREADPOOL_SIZE'] : [];
      assert.deepEqual(names.sort(), ['HOME', 'LANG', 'OL_ENTRY_FILE', 'PATH', 'TMPDIR', 'USER', ...own]);
    });
  }

  test('node: its process has what it is given and what it opens itself', async () => {
    for (const start of ['standby', 'spawned'] as const) {
      const answer = await callCold(worker, 'node', {}, start);
      const links = Object.entries(answer.json<Record<string, string>>());
      const given = links.filter(([fd]) => Number(fd) <= 3).map(([, link]) => link.replace(/:.*/, ''));
      assert.deepEqual(given, ['/dev/null', 'pipe', 'pipe', 'socket'], start);
      const own = links.filter(([fd, link]) => Number(fd) > 3 && !/^(anon_inode:|\/dev\/null$)/.test(link)).map(([, link]) => link);
      const bothEndsOfPipes = own.every((link) => link.startsWith('pipe:') && own.filter((other) => other === link).length === 2);
      assert.ok(bothEndsOfPipes, `${own}`);
    }
  });

  for (const [i, [title, { files, calls }]] of Object.entries(written).entries()) {
    test(`as OpenLambda has it: ${title}`, async () => {
      const name = `written-${i}`;
      add(name, files);
      for (const [method, rest, body, status, text] of calls) {
        const answer = await worker.call(name, body, { method, path: `/run/${name}${rest}`, headers: { accept: 'text/plain' } });
        assert.deepEqual([answer.status, answer.text], [status, text.replace('NAME', name)]);
      }
    });
  }

  function add(name: string, files: Files): void {
    for (const [file, text] of Object.entries(files)) {
      const path = join(worker.registry, name, file);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text, { mode: 0o755 });
    }
  }
});
