import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { parseLambdaSettings, SettingsError } from '../../../src/config/lambda-settings.ts';
import { parseConfig } from '../../../src/config/load.ts';

const worker = parseConfig({ sandbox: 'sock' });
const most = 64 << 10;

const hostile: readonly (readonly [says: string, yaml: string, problem: RegExp])[] = [
  ['more than 64 KiB', `# ${'x'.repeat(most)}`, /at most 64 KiB/],
  ['5,000 keys', `{${Array.from({ length: 5000 }, (_, i) => i.toString(36)).join(',')}}`, /fewer keys/],
  ['60,000 signs', `[${','.repeat(60_000)}]`, /at most 20000 words, signs/],
  ['deep lists', '['.repeat(most), /nested too deeply/],
  ['deep closed lists', '['.repeat(most / 2) + ']'.repeat(most / 2), /nested too deeply/],
  ['deep block lists', '- '.repeat(most / 2), /nested too deeply/],
  ['deep keys', '? '.repeat(most / 2), /nested too deeply/],
  [
    'an alias bomb',
    'a: &a [x,x]\nb: &b [*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d,*d]',
    /at most 20/,
  ],
  ['2,000 aliases', `a: &a x\nb: [${'*a,'.repeat(2000)}]`, /at most 20 aliases/],
  ['1,000 anchors with aliases', `a: [${Array.from({ length: 1000 }, (_, i) => `&${i} ,*${i} `).join()}]`, /at most 20 aliases/],
  ['a circle', 'environment: &e {A: *e}', /environment.A: expected a string/],
  ['a circle of triggers', 'triggers: &t {http: *t}', /triggers.http: expected a list, got a mapping/],
  ['an alias without anchor', 'environment: {A: *hunter2}', /an alias .* has no anchor/],
  ['a tag', 'environment: {A: !hunter2 x}', /line 1, column \d+: Unresolved tag$/],
  ['a tag for code', 'environment: {A: !!js/function "x"}', /Unresolved tag$/],
  ['binary', 'environment: {A: !!binary aGk=}', /Unresolved tag$/],
  ['a merge key', 'limits: {<<: {procs: 1}}', /"<<": expected a known key/],
  ['a key twice', 'zygote: true\nzygote: false', /line 2, column 1: Map keys must be unique/],
  ['a list as a key', '? [a]\n: b', /keys must be strings/],
  ['two documents', 'zygote: true\n---\nzygote: false', /one document/],
  ['half a string', 'environment: {A: "hunter2', /line 1/],
  ['a secret like a block', 'environment:\n  A: |hunter2', /line 2, column 7: Block scalar header includes extra characters$/],
  ['another version of YAML does not change the values', '%YAML 1.1\n---\nkeep_warm_ms: 1_0', /keep_warm_ms: .* got "1_0"/],
];
for (const [says, yaml, problem] of hostile) {
  test(`${says}: refused without repeating what could be a secret`, () => {
    assert.throws(
      () => parseLambdaSettings(yaml, worker),
      (error) => {
        assert.ok(error instanceof SettingsError, String(error));
        assert.match(error.message, problem);
        assert.doesNotMatch(error.message, /hunter2/);
        assert.ok(error.message.length < 4000);
        return true;
      },
    );
  });
}

/** Pieces that ol.yaml files are made of, so that random texts get beyond the first character. */
const piece = fc.oneof(
  fc.constantFrom(
    'triggers:',
    'http:',
    '- ',
    'method: ',
    'environment:',
    'limits:',
    '{',
    '}',
    '[',
    ']',
    ', ',
    ': ',
    '\n',
    '\n  ',
    '&a ',
    '*a',
  ),
  fc.constantFrom(
    'OL_ENTRY_FILE: ',
    'instances: ',
    'min: ',
    'max: ',
    'zygote: ',
    '"',
    "'",
    '|\n',
    '? ',
    '!!str ',
    '<<: ',
    '# ',
    '---\n',
    '%YAML 1.1\n',
  ),
  fc.integer().map(String),
  fc.string({ unit: 'binary', maxLength: 8 }),
);
const texts = fc.oneof(
  fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join('')),
  fc.string({ unit: 'binary' }),
  fc.json(),
);

test('no text makes the reader throw anything but SettingsError, and what it takes is within what the worker gives', () => {
  fc.assert(
    fc.property(texts, (yaml) => {
      try {
        const { limits, instances, environment, entry } = parseLambdaSettings(yaml, worker);
        for (const [key, limit] of Object.entries(limits)) assert.ok(limit >= 0 && limit <= Reflect.get(worker.limits, key));
        assert.ok(0 <= instances.min && instances.min <= instances.max && instances.max <= worker.max_instances);
        assert.ok(environment.every(([name, value]) => !/[=\0]/.test(name) && !value.includes('\0')));
        assert.ok(!entry.file?.split('/').includes('..'));
      } catch (error) {
        assert.ok(error instanceof SettingsError, error instanceof Error ? error.stack : String(error));
        assert.ok(error.problems.length > 0 && error.problems.every((problem) => /^ol\.yaml: [^\n]+$/.test(problem)));
      }
    }),
    { numRuns: 2000 },
  );
});
