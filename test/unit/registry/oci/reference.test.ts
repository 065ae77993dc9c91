import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apiHost, parseReference, referenceText } from '../../../../src/registry/oci/reference.ts';

const digest = `sha256:${'a'.repeat(64)}`;

const full: readonly (readonly [given: string, full: string])[] = [
  ['python', 'docker.io/library/python:latest'],
  ['python:3.12-slim', 'docker.io/library/python:3.12-slim'],
  ['team/app', 'docker.io/team/app:latest'],
  ['docker.io/python', 'docker.io/library/python:latest'],
  ['registry.example.org/team/app:1.2', 'registry.example.org/team/app:1.2'],
  ['Registry.Example.ORG:443/app', 'registry.example.org:443/app:latest'],
  ['localhost/app', 'localhost/app:latest'],
  ['localhost:5000/a/b/c', 'localhost:5000/a/b/c:latest'],
  ['[::1]:5000/app:x', '[::1]:5000/app:x'],
  ['127.0.0.1:5000/app', '127.0.0.1:5000/app:latest'],
  [`h.io/app@${digest}`, `h.io/app@${digest}`],
  [`h.io/app:1@${digest}`, `h.io/app@${digest}`],
  ['h.io/a__b/c-d--e.f_g', 'h.io/a__b/c-d--e.f_g:latest'],
];
for (const [given, expected] of full) {
  test(`${given} is ${expected}`, () => {
    assert.equal(referenceText(parseReference(given)), expected);
    assert.equal(referenceText(parseReference(expected)), expected);
  });
}

const refused = [
  ['', 'no repository'],
  ['h.io/', 'no repository'],
  ['h.io/App', 'no repository'],
  ['h.io//app', 'no repository'],
  ['h.io/../app', 'no repository'],
  ['h.io/a___b', 'no repository'],
  ['h.io/-a', 'no repository'],
  [`h.io/${'a/'.repeat(127)}aa`, 'no repository'],
  ['h.io/app:', 'a tag has'],
  ['h.io/app:a:b', 'a tag has'],
  ['h.io/app:-x', 'a tag has'],
  [`h.io/app:${'x'.repeat(129)}`, 'a tag has'],
  ['h.io/app@sha256:abc', '64 hex digits'],
  [`h.io/app@${digest}@${digest}`, '64 hex digits'],
  [`h.io/app@sha512:${'a'.repeat(128)}`, '64 hex digits'],
  ['user:pass@h.io/app', '64 hex digits'],
  ['h_.io:1/app', 'no host'],
  ['h.io:123456/app', 'no host'],
  ['h.io\n/app', 'no host'],
] as const;
for (const [given, why] of refused) {
  test(`${JSON.stringify(given.slice(0, 60))} is refused: ${why}`, () => {
    assert.throws(() => parseReference(given), { at: 'invalid', message: new RegExp(`^read the image name ".*${why}`, 's') });
  });
}

test('a long name takes no long time', () => {
  const began = performance.now();
  for (const evil of ['a-'.repeat(50_000), `${'a'.repeat(100_000)}!`, '_'.repeat(100_000)])
    assert.throws(() => parseReference(`h.io/${evil}`));
  assert.ok(performance.now() - began < 2000);
});

test('the API of Docker Hub is at another host than its name', () => {
  assert.deepEqual(['docker.io', 'index.docker.io', 'quay.io', 'localhost:1'].map(apiHost), [
    'registry-1.docker.io',
    'registry-1.docker.io',
    'quay.io',
    'localhost:1',
  ]);
});
