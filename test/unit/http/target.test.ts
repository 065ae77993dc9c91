import assert from 'node:assert/strict';
import { test } from 'node:test';
import { target } from '../../../src/http/target.ts';

test('what a path names', () => {
  const any = (name: string, root = `/run/${name}`) => ({ at: 'lambda', name, root, method: undefined });
  const post = (name: string, root = `/runLambda/${name}`) => ({ at: 'lambda', name, root, method: 'POST' });
  const bad = { at: 'bad-name' };
  const elsewhere = { at: 'elsewhere' };
  const table: readonly (readonly [string, object])[] = [
    ['/run/echo', any('echo')],
    ['/run/echo/', any('echo')],
    ['/run/echo/rest/of/it', any('echo')],
    ['/run/echo/%2e%2e/x', any('echo')],
    ['/run/A-b_c.9', any('A-b_c.9')],
    ['/run/ech%6f', any('echo', '/run/ech%6f')],
    ['/run/...', any('...')],
    ['/runLambda/echo', post('echo')],
    ['/runLambda/ech%6F', post('echo', '/runLambda/ech%6F')],
    ['/runLambda/echo/', elsewhere],
    ['/runLambda/echo/rest', elsewhere],
    ['/status', elsewhere],
    ['/run/', bad],
    ['/runLambda/', bad],
    ['/run//echo', bad],
    ['/run/.', bad],
    ['/run/..', bad],
    ['/run/../etc/passwd', bad],
    ['/run/%2e%2e', bad],
    ['/run/%2E', bad],
    ['/run/a%2Fb', bad],
    ['/run/%252e%252e', bad],
    ['/run/a%00b', bad],
    ['/run/%', bad],
    ['/run/%zz', bad],
    ['/run/%ff', bad],
    ['/run/caf%C3%A9', bad],
    ['/run/a b', bad],
    ['/run/a;b', bad],
    ['/runLambda/%2e%2e', bad],
    ['/run', elsewhere],
    ['/runLambda', elsewhere],
    ['/RUN/echo', elsewhere],
    ['/status/', elsewhere],
    ['/', elsewhere],
    ['', elsewhere],
  ];
  for (const [path, expected] of table) assert.deepEqual(target(path), expected, path);
});
