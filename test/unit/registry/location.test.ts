import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { registryDirectory } from '../../../src/registry/registry.ts';

test('the registry is a path, a file URL, or below the worker directory', () => {
  assert.equal(registryDirectory('', '/srv/w'), '/srv/w/registry');
  assert.equal(registryDirectory('', 'w'), join(process.cwd(), 'w/registry'));
  assert.equal(registryDirectory('/srv/lambdas', '/srv/w'), '/srv/lambdas');
  assert.equal(registryDirectory('lambdas', '/srv/w'), join(process.cwd(), 'lambdas'));
  assert.equal(registryDirectory('./a:b', '/srv/w'), join(process.cwd(), 'a:b'));
  assert.equal(registryDirectory('file:///srv/my%20lambdas', '/srv/w'), '/srv/my lambdas');
  assert.equal(registryDirectory('FILE://localhost/srv/lambdas', '/srv/w'), '/srv/lambdas');
});

test('what is not supported is an error that says what is', () => {
  for (const scheme of ['http', 'https', 'oci', 's3', 'gopher']) {
    assert.throws(() => registryDirectory(`${scheme}://host/x`, '/srv/w'), new RegExp(`${scheme}:// is not supported yet .*file:///`));
  }
  assert.throws(() => registryDirectory('file://elsewhere/x', '/srv/w'), /file:\/\/elsewhere\/x.*file:\/\/\/absolute\/path/);
  assert.throws(() => registryDirectory('file:///a?b', '/srv/w'), /%3F/);
  assert.throws(() => registryDirectory('a\0b', '/srv/w'), /NUL/);
});
