import assert from 'node:assert/strict';
import test from 'node:test';
import { parseLambdaSettings, SettingsError } from '../../../src/config/lambda-settings.ts';
import { parseConfig } from '../../../src/config/load.ts';

const worker = parseConfig({ sandbox: 'sock', max_instances: 32, keep_warm_ms: 4000, freeze_after_ms: 300, limits: { queue: 7 } });
const { enforce, header_kb, ...workerLimits } = worker.limits;

const defaults = {
  methods: undefined,
  environment: [],
  entry: {},
  reuse: true,
  limits: workerLimits,
  instances: { min: 0, max: 32 },
  concurrency: 1,
  keepWarmMs: 4000,
  freezeAfterMs: 300,
  zygote: true,
  warnings: [],
};

for (const yaml of [
  '',
  '# nothing\n',
  '{}',
  'triggers:\nenvironment:\nlimits:\n',
  'triggers: {http: , kafka: []}',
  'limits: {mem_mb: 0}',
]) {
  test(`${JSON.stringify(yaml)} asks for nothing and gets what the worker gives`, () => {
    assert.deepEqual(parseLambdaSettings(yaml, worker), defaults);
  });
}

test('every key of an ol.yaml arrives', () => {
  const yaml = `
triggers:
  http:
    - method: PUT
    - method: [get, PUT]
environment: {A: x}
reuse-sandbox: false
limits: {procs: 3, mem_mb: 20, cpu_percent: 50, swappiness: 0, runtime_sec: 1.5, tmp_mb: 2, queue: 0, body_mb: 0.5}
network: none
instances: {min: 2, max: 4}
concurrency: 1
keep_warm_ms: 9000
freeze_after_ms: 0
zygote: false
`;
  assert.deepEqual(parseLambdaSettings(yaml, worker), {
    methods: ['PUT', 'GET'],
    environment: [['A', 'x']],
    entry: {},
    reuse: false,
    limits: { procs: 3, mem_mb: 20, cpu_percent: 50, swappiness: 0, runtime_sec: 1.5, tmp_mb: 2, queue: 0, body_mb: 0.5 },
    instances: { min: 2, max: 4 },
    concurrency: 1,
    keepWarmMs: 9000,
    freezeAfterMs: 0,
    zygote: false,
    warnings: [],
  });
});

const methods: readonly (readonly [http: string, methods: readonly string[] | undefined])[] = [
  ['[{method: GET}, {method: POST}]', ['GET', 'POST']],
  ['[{method: GET}, {method: "*"}]', undefined],
  ['[{method: [GET, "*"]}]', undefined],
  ['[{}]', undefined],
  ['[]', []],
];
for (const [http, expected] of methods) {
  test(`triggers.http: ${http} allows ${expected?.join(', ') ?? 'every method'}`, () => {
    assert.deepEqual(parseLambdaSettings(`triggers: {http: ${http}}`, worker).methods, expected);
  });
}

for (const [word, expected] of [
  ['yes', true],
  ['"yes"', true],
  ['On', true],
  ['no', false],
  ['off', false],
] as const) {
  test(`reuse-sandbox: ${word} is ${expected}, as for OpenLambda's reader of YAML`, () => {
    assert.equal(parseLambdaSettings(`reuse-sandbox: ${word}`, worker).reuse, expected);
  });
}

test('triggers that this version does not serve are checked, and warned of', () => {
  const yaml = `
triggers:
  cron: [{schedule: "*/5 * * * *"}, {schedule: "@every 1.5h"}, {schedule: "TZ=Asia/Tokyo 30 4 * * MON-FRI"}]
  kafka:
    - {bootstrap_servers: ["localhost:9092"], topics: [t], group_id: g, auto_offset_reset: latest}
`;
  assert.deepEqual(parseLambdaSettings(yaml, worker).warnings, [
    'ol.yaml: triggers.cron: has no effect, this version calls lambdas by HTTP only',
    'ol.yaml: triggers.kafka: has no effect, this version calls lambdas by HTTP only',
  ]);
});

const refused: readonly (readonly [yaml: string, ...problems: string[]])[] = [
  ['[]', 'expected a mapping, got a list'],
  ['enviroment: {KEY: secret}', 'enviroment: expected a known key (did you mean "environment"?)'],
  ['limits: {mem: 3}', 'limits.mem: expected a known key'],
  ['"a\\nb": 1', '"a\\nb": expected a known key'],
  ['triggers: {http: [{metod: GET}]}', 'triggers.http[0].metod: expected a known key (did you mean "method"?)'],
  ['triggers: {http: {method: GET}}', 'triggers.http: expected a list, got a mapping'],
  ['triggers: {http: [{method: ""}]}', 'triggers.http[0].method: expected an HTTP method ("GET"), a list of them, or "*", got ""'],
  ['triggers: {http: [{method: []}]}', 'triggers.http[0].method: expected an HTTP method ("GET"), a list of them, or "*", got a list'],
  [
    'triggers: {cron: [{schedule: often}]}',
    'triggers.cron[0].schedule: expected a cron schedule of five fields ("*/5 * * * *") or a name like "@hourly", got "often"',
  ],
  [
    'triggers: {kafka: [{topics: [], auto_offset_reset: never}]}',
    'triggers.kafka[0].bootstrap_servers: expected a list of one or more strings, got nothing',
    'triggers.kafka[0].topics: expected a list of one or more strings, got a list',
    'triggers.kafka[0].auto_offset_reset: expected "earliest" or "latest", got "never"',
  ],
  ['reuse-sandbox: maybe', 'reuse-sandbox: expected true or false, got "maybe"'],
  ['network: host', 'network: expected "none" (this version gives sandboxes no network), got "host"'],
  ['limits: {procs: many}', 'limits.procs: expected a whole number from 1 to 32768, got "many"'],
  [
    'limits: {mem_mb: 51, queue: 8, swappiness: 1}',
    'limits.mem_mb: expected at most 50, which this worker gives, got 51',
    'limits.swappiness: expected at most 0, which this worker gives, got 1',
    'limits.queue: expected at most 7, which this worker gives, got 8',
  ],
  ['instances: {max: 33}', 'instances.max: expected at most 32, which this worker gives, got 33'],
  ['instances: {min: 3, max: 2}', 'instances.min: expected at most instances.max (2), got 3'],
  ['concurrency: 0', 'concurrency: expected a whole number from 1 to 1000, got 0'],
  ['{concurrency: 2, reuse-sandbox: false}', 'concurrency: expected 1 with reuse-sandbox: false, got 2'],
  ['__proto__: {x: 1}', '__proto__: expected a known key'],
];
for (const [yaml, ...problems] of refused) {
  test(`${yaml} is refused with ${problems.length} line(s)`, () => refuses(yaml, ...problems));
}

test('of many problems the first are told', () => {
  const yaml = `{${Array.from({ length: 300 }, (_, i) => `k${i}: 1`).join(', ')}}`;
  assert.throws(
    () => parseLambdaSettings(yaml, worker),
    (error) => error instanceof SettingsError && error.problems.length === 20 && error.problems[0] === 'ol.yaml: k0: expected a known key',
  );
});

function refuses(yaml: string, ...problems: string[]): void {
  assert.throws(
    () => parseLambdaSettings(yaml, worker),
    (error) => {
      assert.ok(error instanceof SettingsError, String(error));
      assert.deepEqual(
        error.problems,
        problems.map((problem) => `ol.yaml: ${problem}`),
      );
      return true;
    },
  );
}
