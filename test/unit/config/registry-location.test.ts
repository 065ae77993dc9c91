import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../../src/config/load.ts';
import { registryProblem, shownRegistry } from '../../../src/config/registry-location.ts';

for (const value of [
  '',
  'lambdas',
  '/srv/a:b',
  'file:///srv',
  'HTTP://h',
  'https://u:p@[::1]:5000/a/',
  's3://abc',
  's3://a.b-c/x/y/',
  'oci://h',
  'oci://[::1]:5000/a_b/c-d/',
]) {
  test(`${JSON.stringify(value)} can be a registry`, () => assert.equal(registryProblem(value), undefined));
}

for (const [value, expected] of [
  ['ftp://h/', /^a directory, or a URL/],
  ['constructor://h/', /^a directory, or a URL/],
  ['/a\0b', /no NUL/],
  ['file://host/dir', /^file:\/\/\/ and an absolute directory/],
  ['file:///a%2fb', /without %2F/],
  ['file:///a?b', /"\?"/],
  ['http://', /^a URL/],
  ['https://h:99999/', /^a URL/],
  ['https://h/?sig=x', /"\?"/],
  ['https://h/a b', /spaces/],
  ['https://me:50%@h/', /%25/],
  ['s3://', /^s3:\/\/bucket/],
  ['s3://a_b', /^s3:\/\/bucket/],
  ['s3://ab', /3 to 63/],
  ['s3://abc/../other', /without "\." and "\.\."/],
  ['oci://', /^oci:\/\/host/],
  ['oci://me:secret@h/x', /without a user/],
  ['oci://h/App', /lower-case/],
  ['oci://h/app:1', /^oci:\/\/host/],
] as const) {
  test(`${JSON.stringify(value)} cannot be a registry`, () => assert.match(registryProblem(value) ?? 'it can', expected));
}

test('a registry is shown without its password', () => {
  assert.equal(shownRegistry('https://me:p@ss@h/a@b'), 'https://…@h/a@b');
  assert.equal(shownRegistry('/srv/a@b'), '/srv/a@b');
});

test('credentials are by host, without a scheme', () => {
  const config = { sandbox: 'sock', registry_auth: { 'https://h': { token: 'hunter2' } } };
  assert.throws(() => parseConfig(config), {
    message:
      'registry_auth: expected an object from registry hosts ("registry.example.org", "localhost:5000") to credentials, got a value that is not shown',
  });
});
