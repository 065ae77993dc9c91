import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mayBePage } from '../../../src/http/pages.ts';

const harmless = [
  'application/json',
  'application/json; charset=utf-8',
  'TEXT/PLAIN',
  'text/plain;charset=utf-8',
  'text/event-stream',
  'image/png',
  'video/mp4',
];
const pages = [
  'text/html',
  'text/html; charset=utf-8',
  'application/xhtml+xml',
  'image/svg+xml',
  'text/xml',
  'application/xml',
  'application/pdf',
  'multipart/x-mixed-replace; boundary=b',
  'unknown/unknown',
  '*/*',
  '',
  'text/plain, text/html',
  'text/plain; a=b, text/html',
  'text/plainly',
  'application/jsonx',
];

for (const type of harmless) test(`"${type}" is no page`, () => assert.equal(mayBePage([type]), false));
for (const type of pages) test(`"${type}" may be a page`, () => assert.equal(mayBePage([type]), true));
test('a reply without a type may be a page, and one with several', () => {
  assert.equal(mayBePage([]), true);
  assert.equal(mayBePage(['text/plain', 'text/html']), true);
  assert.equal(mayBePage(['application/json', 'application/json']), true);
});
