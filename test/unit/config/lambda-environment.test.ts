import assert from 'node:assert/strict';
import test from 'node:test';
import { parseLambdaSettings, SettingsError } from '../../../src/config/lambda-settings.ts';
import { parseConfig } from '../../../src/config/load.ts';

const worker = parseConfig({ sandbox: 'sock' });

test('values are passed as they are written, as OpenLambda does, null as nothing', () => {
  const yaml = `
environment:
  TEXT: "a b"
  VERSION: 1.10
  HEX: 0x1F
  YES: yes
  TRUE: True
  NULL:
  TILDE: ~
  DATE: 2024-01-01
  BLOCK: |
    one
    two
  1: number
  with.dot-and-dash: x
  LD_PRELOAD: /handler/x.so
`;
  assert.deepEqual(parseLambdaSettings(yaml, worker).environment, [
    ['TEXT', 'a b'],
    ['VERSION', '1.10'],
    ['HEX', '0x1F'],
    ['YES', 'yes'],
    ['TRUE', 'True'],
    ['NULL', ''],
    ['TILDE', ''],
    ['DATE', '2024-01-01'],
    ['BLOCK', 'one\ntwo\n'],
    ['1', 'number'],
    ['with.dot-and-dash', 'x'],
    ['LD_PRELOAD', '/handler/x.so'],
  ]);
});

test('an alias stands for the text of its anchor', () => {
  const { environment, limits } = parseLambdaSettings('environment: {A: &a 1.0, B: *a}\nlimits: {body_mb: *a}', worker);
  assert.deepEqual(environment, [
    ['A', '1.0'],
    ['B', '1.0'],
  ]);
  assert.equal(limits.body_mb, 1);
});

test('__proto__ and constructor are names like any other', () => {
  const { environment, entry } = parseLambdaSettings('environment: {__proto__: x, constructor: y, toString: z}', worker);
  assert.deepEqual(environment, [
    ['__proto__', 'x'],
    ['constructor', 'y'],
    ['toString', 'z'],
  ]);
  assert.deepEqual(entry, {});
});

test('the special variables name the entry, and are passed on', () => {
  const yaml = 'environment: {OL_ENTRY_FILE: src/main.py, OL_WSGI_ENTRY: my_wsgi_app, OL_ASGI_ENTRY: ""}';
  const { entry, environment } = parseLambdaSettings(yaml, worker);
  assert.deepEqual(entry, { file: 'src/main.py', wsgi: 'my_wsgi_app' });
  assert.equal(environment.length, 3);
});

const name = 'a name without "=" and control characters';
const below = 'a file below the code, like "app.py", without ".."';
const attribute = 'the name of an attribute, like "app"';
const refused: readonly (readonly [yaml: string, problem: string])[] = [
  ['[A]', 'environment: expected a mapping of names to strings, got a list'],
  ['text', 'environment: expected a mapping of names to strings, got "text"'],
  ['{"": x}', `environment."": expected ${name}`],
  ['{"A=B": x}', `environment."A=B": expected ${name}`],
  ['{"A\\0": x}', `environment."A\\u0000": expected ${name}`],
  ['{A: "x\\0secret"}', 'environment.A: expected text without NUL'],
  ['{A: "\\ud800"}', 'environment.A: expected text without NUL'],
  ['{A: [secret]}', 'environment.A: expected a string, got a list or mapping'],
  [`{A: ${'x'.repeat(32 << 10)}}`, 'environment: expected at most 32 KiB of names and values, got 32771 bytes'],
  ...['/app.py', '../app.py', 'a/../app.py', './app.py', '', 'a//b', '"a\\n.py"'].map(
    (file) => [`{OL_ENTRY_FILE: ${file}}`, `environment.OL_ENTRY_FILE: expected ${below}`] as const,
  ),
  ...['a.b', 'mod:app', '1a', 'a b'].flatMap((entry) =>
    ['OL_WSGI_ENTRY', 'OL_ASGI_ENTRY'].map((key) => [`{${key}: "${entry}"}`, `environment.${key}: expected ${attribute}`] as const),
  ),
];
for (const [yaml, problem] of refused) {
  test(`environment: ${yaml.slice(0, 60)} is refused, and no value is told`, () => {
    assert.throws(
      () => parseLambdaSettings(`environment: ${yaml}`, worker),
      (error) => {
        assert.ok(error instanceof SettingsError, String(error));
        assert.deepEqual(error.problems, [`ol.yaml: ${problem}`]);
        return true;
      },
    );
  });
}
