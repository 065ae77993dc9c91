import assert from 'node:assert/strict';
import { test } from 'node:test';
import { entryFile } from '../../../../src/sandbox/docker/image-kind.ts';

const cases: readonly (readonly [image: string, settings: Readonly<Record<string, string>>, file: string])[] = [
  ['OL_ENTRY_FILE=app.py', {}, 'app.py'],
  ['OL_ENTRY_FILE=app.py', { OL_ENTRY_FILE: 'other.py' }, 'other.py'],
  ['OL_ENTRY_FILE=app.py', { OL_ENTRY_FILE: '' }, 'app.py'],
  ['OL_ENTRY_FILE=', {}, 'f.py'],
  ['PATH=/bin', {}, 'f.py'],
];
for (const [image, environment, file] of cases) {
  test(`an image with ${image} and settings with ${JSON.stringify(environment)} begin in ${file}`, () => {
    assert.equal(entryFile({ environment: [image] }, { entry: {}, environment }), file);
  });
}
