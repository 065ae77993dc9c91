import assert from 'node:assert/strict';
import { test } from 'node:test';
import { challenges } from '../../../../src/registry/oci/challenge.ts';

const cases: readonly (readonly [says: string, headers: readonly string[], expected: readonly (readonly [string, object])[]])[] = [
  ['nothing', [], []],
  ['basic', ['Basic realm="x"'], [['basic', { realm: 'x' }]]],
  [
    'bearer with all it may have',
    ['Bearer realm="https://auth.example.org/token",service="registry, inc",scope="repository:a/b:pull,push"'],
    [['bearer', { realm: 'https://auth.example.org/token', service: 'registry, inc', scope: 'repository:a/b:pull,push' }]],
  ],
  [
    'two in one header',
    ['Basic realm="a", Bearer realm=b'],
    [
      ['basic', { realm: 'a' }],
      ['bearer', { realm: 'b' }],
    ],
  ],
  [
    'two headers',
    ['NEGOTIATE', 'Basic REALM="a"'],
    [
      ['negotiate', {}],
      ['basic', { realm: 'a' }],
    ],
  ],
  ['quoted pairs and spaces', ['Bearer  realm = "a\\"b\\\\c" ,\tservice=s'], [['bearer', { realm: 'a"b\\c', service: 's' }]]],
  ['a text that does not end', ['Bearer realm="abc'], [['bearer', { realm: '' }]]],
  ['parameters without a scheme', ['realm="abc"'], []],
  ['nonsense', ['"""', '=', ', ,'], []],
  ['names of every object', ['Bearer __proto__=x,constructor=y'], [['bearer', { ['__proto__']: 'x', constructor: 'y' }]]],
];
for (const [says, headers, expected] of cases) {
  test(`a challenge of ${says}`, () => {
    const found = challenges(headers).map(({ scheme, parameters }) => [scheme, Object.entries(parameters)]);
    assert.deepEqual(
      found,
      expected.map(([scheme, parameters]) => [scheme, Object.entries(parameters)]),
    );
  });
}

test('a long header takes no long time', () => {
  const began = performance.now();
  for (const evil of [
    `Bearer realm="${'\\'.repeat(100_000)}`,
    `Bearer ${' ,'.repeat(50_000)}`,
    `${'a'.repeat(100_000)}=`,
    `Bearer a${' '.repeat(100_000)}`,
  ])
    challenges([evil]);
  assert.ok(performance.now() - began < 2000);
});
