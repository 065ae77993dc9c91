// The page when the worker goes, when another one comes, and when a worker wants to know who asks.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { freePort } from '../deploy/balancer.ts';
import { echo } from '../lambdas.ts';
import { startWorker } from '../worker.ts';
import type { Open } from './chromium.ts';
import { cells, rowOf, text } from './reading.ts';

export const restart = (open: Open) =>
  describe('the worker goes, comes, asks', { concurrency: true }, () => {
    test('it says that the worker does not answer, and goes on with the next one', async (t) => {
      const config = { worker_port: await freePort() };
      const first = await startWorker(t, { lambdas: { echo }, config });
      const page = await open(`${first.url}/dashboard`);
      for (let i = 0; i < 5; i++) await first.call('echo', i);
      await page.until(`${rowOf('lambdas', 'echo')}?.[1] === '5' && ${cells('requests')}.length === 5`);

      await first.stop();
      assert.match(await page.until(`${text('state')} === 'no answer' && ${text('notice')}`), /^The worker does not answer/);
      assert.equal((await page.evaluate<string[]>(rowOf('lambdas', 'echo')))[1], '5', 'its last word is still there');

      const second = await startWorker(t, { dir: first.dir, config });
      assert.match(await page.until(`${text('state')} === 'ready' && ${text('notice')}`), /^The worker was started anew at \d\d:\d\d:\d\d/);
      await second.call('echo');
      await page.until(`${rowOf('lambdas', 'echo')}?.[1] === '1' && ${cells('requests')}.length === 1`);
      assert.match(await page.evaluate(text('notice')), /^The worker was started anew/, 'for as long as it is open');
      const others = page.complaints.filter((complaint) => !/ERR_CONNECTION_(REFUSED|RESET)|ERR_EMPTY_RESPONSE/.test(complaint));
      assert.deepEqual(others, []);
    });

    test('it says that the worker drains', async (t) => {
      const worker = await startWorker(t, { config: { drain_ms: 5000 } });
      const page = await open(`${worker.url}/dashboard`);
      await page.until(`${text('state')} === 'ready'`);
      const stopped = worker.stop();
      await page.until(`${text('state')} === 'draining'`);
      await stopped;
    });

    test('it asks for the admin token where one is needed', async (t) => {
      const admin_token = 'sixteen-characters-or-more';
      const worker = await startWorker(t, { config: { admin_token } });
      const page = await open('about:blank#');
      await page.send('Network.setExtraHTTPHeaders', { headers: { 'x-forwarded-for': '192.0.2.1' } });
      await page.show(`${worker.url}/dashboard`);
      const enter = (token: string): Promise<void> =>
        page.evaluate(`document.getElementById('token-text').value = '${token}'; document.querySelector('#token button').click()`);
      await page.until(`!document.getElementById('token').hidden && ${text('notice')}.includes('admin_token')`);
      assert.equal(await page.evaluate('document.activeElement.id'), 'token-text');
      await enter('not-the-right-token');
      await page.until(`!document.getElementById('token').hidden`);
      assert.ok(await page.evaluate(`document.getElementById('main').hidden`), 'nothing is shown');
      await enter(admin_token);
      await page.until(`${text('state')} === 'ready' && !document.getElementById('main').hidden`);
      assert.equal(await page.evaluate(`document.getElementById('token').hidden && ${text('notice')} === ''`), true);
    });
  });
