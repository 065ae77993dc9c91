// A page of a lambda in a browser on the worker's machine: its scripts run, and are not the worker's.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { needsBrowser, startChromium } from '../dashboard/chromium.ts';
import { startWorker } from '../worker.ts';

const page = `def f(event, context):
  return context.response("<!doctype html><title>page</title><p>of a lambda</p>", headers={"content-type": "text/html"})
`;

/** What becomes of a request that the page's script makes. */
const asked = (method: string, path: string) =>
  `fetch(${JSON.stringify(path)}, { method: ${JSON.stringify(method)} }).then((reply) => reply.status, (error) => error.name)`;

test('a script of a lambda reads and changes nothing of the admin API', needsBrowser, async (t) => {
  const worker = await startWorker(t, { lambdas: { page } });
  const browser = await startChromium(t);
  const shown = await browser.open(`${worker.url}/run/page`);
  assert.equal(await shown.evaluate('origin'), 'null');
  assert.equal(await shown.evaluate('document.body.innerText'), 'of a lambda');
  for (const [method, path] of [
    ['GET', '/trace'],
    ['GET', '/logs/page'],
    ['GET', '/registry/'],
    ['DELETE', '/registry/page'],
    ['POST', '/pprof/cpu-start'],
  ] as const)
    assert.equal(await shown.evaluate(asked(method, path)), 'TypeError', `${method} ${path}`);
  assert.equal((await worker.call('page', {})).status, 200, 'it is there still');
});

test('with the admin API off over TCP a page has the origin that it is from, and there is nothing to ask', needsBrowser, async (t) => {
  const worker = await startWorker(t, { lambdas: { page }, config: { admin_tcp: false } });
  const browser = await startChromium(t);
  const shown = await browser.open(`${worker.url}/run/page`);
  assert.equal(await shown.evaluate('origin'), worker.url);
  assert.equal(await shown.evaluate(asked('GET', '/registry/')), 403);
});
