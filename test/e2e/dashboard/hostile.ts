// Whatever lambdas and callers have a say in is shown as it is, and does nothing.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { raw, request } from '../../unit/http/serving.ts';
import { finished } from '../../unit/observe/finished.ts';
import { echo } from '../lambdas.ts';
import { startWorker } from '../worker.ts';
import type { Open, Page } from './chromium.ts';
import { text } from './reading.ts';
import { stage } from './stage.ts';

const markup = '<img src=x onerror="globalThis.bitten=1"><script>globalThis.bitten=1</script>\'"{nonce}';

/** Nothing of it has become an element, and nothing has run. */
async function isHarmless(page: Page): Promise<void> {
  assert.equal(await page.evaluate('typeof bitten'), 'undefined');
  assert.equal(await page.evaluate(`document.querySelectorAll('img, body script, [onerror]').length`), 0);
  assert.deepEqual(page.complaints, []);
}

export const hostile = (open: Open) =>
  describe('hostile input', { concurrency: true }, () => {
    test('names, messages, paths, ids, states', async (t) => {
      const lambda = `${markup} lambda`;
      const { url, record } = await stage(t, {
        state: () => `${markup} state`,
        lambdas: {
          names: () => [lambda, '__proto__'],
          details: (name) => [{ name, busy: 0, idle: 0, frozen: 0, queued: 0, problem: name === lambda ? `${markup} problem` : undefined }],
        },
        backend: () => ({ runtimes: { [`${markup} runtime`]: { zygote: `${markup} zygote` } }, limitsNotEnforced: [`${markup} limit`] }),
      });
      const failed = {
        lambda,
        requestId: `${markup} id`,
        errorCode: `${markup} code`,
        status: 500,
        method: `${markup} method`,
        path: `/${markup}`,
      };
      record(finished({ ...failed, phases: [[`${markup} phase`, 1]], sandbox: `${markup} box` }), `${markup} message\n${markup} more`);
      const page = await open(url);
      await page.until(`document.querySelector('#requests button')`);
      await page.evaluate(`document.querySelector('#requests button').click(); document.querySelector('#errors summary').click()`);
      const shown = await page.evaluate<string>('document.body.textContent');
      for (const what of [
        'lambda',
        'state',
        'problem',
        'runtime',
        'zygote',
        'limit',
        'message',
        'more',
        'id',
        'code',
        'method',
        'phase',
        'box',
      ])
        assert.ok(shown.includes(`${markup} ${what}`), `${what} is there, as it is`);
      assert.ok(shown.includes('__proto__'));
      assert.equal(await page.evaluate(`document.getElementById('names').firstChild.value`), lambda);
      await isHarmless(page);
    });

    test('what a caller of a real worker can make up', async (t) => {
      const worker = await startWorker(t, { lambdas: { echo } });
      const page = await open(`${worker.url}/dashboard`);
      const id = '<img/src=x/onerror=bitten=1>';
      const [one, another] = [await raw(t, worker.port), await raw(t, worker.port)];
      one.send(request('GET', '/run/echo/<script>bitten=1</script>', { 'x-request-id': id }));
      another.send(request('GET', '/run/<script>bitten=1</script>'));
      await page.until(`${text('requests')}.includes('${id}') && ${text('errors')}.includes('lambda-name')`);
      await page.evaluate(`document.querySelectorAll('#requests button').forEach((button) => button.click())`);
      assert.match(await page.evaluate(text('errors')), /GET \/run\/<script>bitten=1<\/script>/);
      await isHarmless(page);
    });
  });
