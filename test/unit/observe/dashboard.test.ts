import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Dashboard } from '../../../src/observe/dashboard/dashboard.ts';
import { Recorder } from '../../../src/observe/recorder.ts';
import { finished } from './finished.ts';

const root = fileURLToPath(new URL('../../../../', import.meta.url));
const dir = join(root, 'src/observe/dashboard/page');

function made() {
  let asked = 0;
  const count = <T>(value: T) => {
    asked++;
    return value;
  };
  const dashboard = new Dashboard({
    dir,
    recorder: new Recorder(),
    state: () => count('ready'),
    totals: () =>
      count({ busy: 0, idle: 0, frozen: 0, inFlight: 0, queued: 0, room: { takenBytes: 0, mostBytes: 0, waiting: 0, evictions: 0 } }),
    lambdas: { names: () => count([]), details: () => count([]) },
    backend: () => count({}),
  });
  return { dashboard, asked: () => asked };
}

test('the page may load its own files, and nothing else', () => {
  const { body, headers } = made().dashboard.page();
  const all = new Map(headers);
  const policy = new Map(
    (all.get('content-security-policy') ?? '').split('; ').map((part) => [part.split(' ')[0], part.split(' ').slice(1).join(' ')]),
  );
  const nonce = /^'nonce-([\w+/]{22}==)'$/.exec(policy.get('script-src') ?? '')?.[1] ?? '';
  assert.notEqual(nonce, '');
  assert.deepEqual(Object.fromEntries(policy), {
    'default-src': "'none'",
    'script-src': `'nonce-${nonce}'`,
    'style-src': `'nonce-${nonce}'`,
    'connect-src': "'self'",
    'img-src': 'data:',
    'base-uri': "'none'",
    'form-action': "'none'",
    'frame-ancestors': "'none'",
    'require-trusted-types-for': "'script'",
    'trusted-types': "'none'",
  });
  assert.equal(all.get('content-type'), 'text/html; charset=utf-8');
  assert.equal(all.get('x-content-type-options'), 'nosniff');
  for (const [tag] of `${body}`.matchAll(/<(script|link rel="stylesheet")[^>]*>/g)) assert.ok(tag.includes(`nonce="${nonce}"`), tag);
  assert.ok(!`${body}`.includes('{nonce}'));
});

test('no two replies have the same nonce', () => {
  const { dashboard } = made();
  assert.notEqual(dashboard.page().body, dashboard.page().body);
});

test('all that the page names is there, and nothing else is served', () => {
  const { dashboard } = made();
  const wanted = [...`${dashboard.page().body}`.matchAll(/"\/dashboard\/([^"]+)"/g)].map(([, name = '']) => name);
  assert.ok(wanted.includes('page.js') && wanted.includes('page.css'));
  for (const name of wanted) {
    const asset = dashboard.asset(name);
    assert.match(new Map(asset?.headers).get('content-type') ?? '', name.endsWith('.js') ? /^text\/javascript/ : /^text\/css/);
    for (const [, imported = ''] of `${asset?.body}`.matchAll(/from '\.\/([^']+)'/g)) assert.ok(dashboard.asset(imported), imported);
  }
  for (const name of ['page.html', '../dashboard.ts', 'dashboard.ts', '', '__proto__', 'constructor'])
    assert.equal(dashboard.asset(name), undefined, name);
});

test('its files take nothing from elsewhere, make no markup of text, and are in the package', () => {
  for (const name of readdirSync(dir)) {
    const text = readFileSync(join(dir, name), 'utf8');
    assert.doesNotMatch(text.replaceAll('http://www.w3.org/2000/svg', ''), /https?:|\/\/\w+\.\w/, name);
    assert.doesNotMatch(
      text,
      /innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|new Function|localStorage|sessionStorage| on\w+="| style="/,
      name,
    );
  }
  const { files } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { files: string[] };
  assert.ok(files.includes('src/observe/dashboard/page'));
});

test('nothing is asked of anybody until somebody looks', () => {
  const { dashboard, asked } = made();
  dashboard.page();
  for (let i = 0; i < 100; i++) dashboard.note(finished({ errorCode: 'queue-full' }), 'the queue is full');
  assert.equal(asked(), 0);
  dashboard.data({ since: 0 });
  assert.ok(asked() > 0);
});

test('the last fifty errors are kept, with what is to be said of them', () => {
  const { dashboard } = made();
  for (let i = 0; i < 60; i++) {
    dashboard.note(finished({ requestId: `failed-${i}`, errorCode: 'queue-full' }), `about failed-${i}`);
  }
  const { recent } = dashboard.data({ since: 0 }).errors;
  assert.deepEqual([recent.length, recent[0]?.id, recent.at(-1)?.message], [50, 'failed-10', 'about failed-59']);
});
