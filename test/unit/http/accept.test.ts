import assert from 'node:assert/strict';
import { test } from 'node:test';
import { preferred } from '../../../src/http/accept.ts';

test('the type that a client would rather have', () => {
  const [json, text] = ['application/json', 'text/plain'] as const;
  const table: readonly (readonly [accept: string, type: string])[] = [
    ['', json],
    ['*/*', json],
    ['text/plain', text],
    ['TEXT/Plain;charset=utf-8', text],
    ['text/*', text],
    ['text/html', json],
    ['text/plain, application/json', text],
    ['application/json, text/plain', json],
    ['text/plain;q=0.5, application/json', json],
    ['application/json;q=0.9,text/plain;q=0.95', text],
    ['application/json;q=0, */*', text],
    ['text/plain;q=0, */*;q=0.1', json],
    ['*/*, text/plain', text],
    ['*/*;q=1, text/plain;q=0.2', json],
    ['text/*;q=0.3, text/plain;q=0.8, application/*;q=0.5', text],
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', json],
    ['text/plain;q=1.5, application/json;q=0.9', text],
    [',,;;q=, text/plain', text],
    [`${'text/html,'.repeat(2000)}text/plain`, text],
  ];
  for (const [accept, type] of table) assert.equal(preferred(accept, [json, text]), type, accept.slice(0, 80));
  assert.equal(preferred('*/*', [text, json]), text);
});
