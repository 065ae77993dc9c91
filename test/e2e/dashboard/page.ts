// Beside a real worker: what the page shows is what the worker does.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { echo, stuck } from '../lambdas.ts';
import { startWorker, suiteOwner, type Worker } from '../worker.ts';
import type { Open, Page } from './chromium.ts';
import { rowOf, term, text } from './reading.ts';
import { type Drawn, phases } from './waterfall.ts';

const lambdas = { echo, stuck, fresh: echo, failing: 'def f(event):\n  raise ValueError("no")\n' };

export const page = (open: Open) =>
  describe('what it shows', () => {
    const owner = suiteOwner();
    let worker: Worker, page: Page;
    before(async () => {
      worker = await startWorker(owner, {
        lambdas,
        config: {
          max_instances: 1,
          freeze_after_ms: 600_000,
          keep_warm_ms: 600_000,
          lambda_zygotes: 'off',
          mem_pool_mb: 100, // two of them
          limits: { mem_mb: 50 },
        },
      });
      page = await open(`${worker.url}/dashboard`);
    });

    test('says that the worker is ready, and what has not been called', async () => {
      await page.until(`${text('state')} === 'ready'`);
      assert.equal(await page.evaluate(text('lambdas-count')), '0');
      assert.equal(await page.evaluate(term('states', 'busy')), '0');
      assert.equal((await page.evaluate<string[]>(rowOf('zygotes', 'python')))[1], 'serving');
    });

    test('counts calls by lambda and by start class', async () => {
      for (let i = 0; i < 3; i++) assert.equal((await worker.call('echo', i)).status, 200);
      assert.equal((await worker.call('failing')).status, 500);
      await page.until(`${rowOf('lambdas', 'failing')}?.[1] === '1'`);
      const [, requests, failed] = await page.evaluate<string[]>(rowOf('lambdas', 'echo'));
      assert.deepEqual([requests, failed], ['3', '0']);
      assert.equal((await page.evaluate<string[]>(rowOf('lambdas', 'failing')))[2], '1');
      const [, warm, ...times] = await page.evaluate<string[]>(rowOf('latency', 'warm'));
      assert.equal(warm, '2');
      for (const time of times.slice(0, 4)) assert.match(time, /^[\d.]+ (µs|ms|s)$/);
      await page.evaluate(`document.querySelector('[name=span][value=all]').click()`);
      assert.equal((await page.evaluate<string[]>(rowOf('latency', 'warm')))[1], '2');
    });

    test('shows what failed, with the id of its request', async () => {
      await worker.call('failing', {}, { headers: { 'x-request-id': 'which-failed' } });
      await page.until(`${text('errors')}.includes('which-failed')`);
      assert.equal(await page.evaluate(term('error-codes', 'handler-raised')), '2');
      const summary = await page.evaluate<string>(`document.querySelector('#errors summary').innerText`);
      assert.match(summary, /500 handler-raised\s+failing\s+ValueError: no$/);
    });

    test('shows calls that are under way, and those that wait', async () => {
      const leave = new AbortController();
      const calls = [1, 2, 3].map(() => worker.call('stuck', {}, { signal: leave.signal }).catch(() => {}));
      await page.until(`${text('flight')} === '3' && ${text('queued')} === '2 queued' && ${term('states', 'busy')} === '1'`);
      assert.equal((await page.evaluate<string[]>(rowOf('lambdas', 'stuck'))).at(-1), '2');
      leave.abort();
      await Promise.all(calls);
      await page.until(`${text('flight')} === '0' && ${text('queued')} === '0 queued' && ${term('states', 'busy')} === '0'`);
      await page.until(`${term('error-codes', 'client-gone')} === '3'`);
    });

    test('draws the phases of a request to scale, and they add up to it', async () => {
      await worker.call('fresh', {}, { start: 'forked', headers: { 'x-request-id': 'looked-at' } });
      const row = `[...document.querySelectorAll('#requests tr')].find((tr) => tr.textContent.includes('looked-at'))`;
      await page.until(row);
      await page.evaluate(`${row}.querySelector('button').focus()`);
      await page.press('Enter');
      assert.equal(await page.until(`${text('waterfall-title')} === 'looked-at' && ${term('waterfall-facts', 'start class')}`), 'forked');
      const { shown, sum } = await page.evaluate<{ shown: Drawn[]; sum: number }>(phases);
      assert.ok(shown.length >= 5, `phases: ${shown.map(({ name }) => name)}`);
      assert.ok(shown.some(({ name }) => name === 'fork') && shown.some(({ name }) => name === 'handler'));
      assert.equal(
        shown.reduce((all, { tenths }) => all + tenths, 0),
        sum,
      );
      let end = 0;
      for (const { name, tenths, left, width } of shown) {
        assert.ok(Math.abs(left - end) < 0.005, `${name} begins where the last phase ended`);
        assert.ok(Math.abs(width - tenths / sum) < 0.005, `${name} is as long as it says`);
        end = left + tenths / sum;
      }
      // The same request as /trace has it.
      const trace = await worker.call('', undefined, { method: 'GET', path: '/trace?lambda=fresh' });
      const { ms } = JSON.parse(trace.text.trim().split('\n').at(-1) ?? '') as { ms: number };
      assert.ok(Math.abs(sum / 10_000 - ms) < 0.001);
    });

    test('shows the memory that sandboxes take, and who had to make room', async () => {
      const { room } = await worker.status<{ room: { takenBytes: number; evictions: number } }>();
      assert.deepEqual([room.takenBytes, room.evictions > 0], [100 << 20, true]);
      await page.until(`${term('memory', 'evictions')} === '${room.evictions}'`);
      assert.equal(await page.evaluate(term('memory', 'taken by sandboxes')), '100 MiB of 100 MiB');
      assert.equal(await page.evaluate(`document.getElementById('memory-bar').style.width`), '100%');
      assert.equal(await page.evaluate(term('memory', 'lambdas waiting for memory')), '0');
    });

    test('lists the requests of one lambda, of one start class, of a length', async () => {
      const fill = (name: string, value: string) =>
        `(() => { const field = document.forms.filter.elements.${name}; field.value = '${value}'; field.dispatchEvent(new Event('input', { bubbles: true })); })()`;
      const lambdasShown = `[...new Set([...document.querySelectorAll('#requests tr')].map((tr) => tr.cells[1].innerText))].join()`;
      const startsShown = `[...new Set([...document.querySelectorAll('#requests tr')].map((tr) => tr.cells[2].innerText.trim()))].join()`;
      await page.evaluate(
        `document.querySelector('#lambdas button').closest('tbody').querySelectorAll('button').forEach((button) => button.textContent === 'failing' && button.click())`,
      );
      await page.until(`${lambdasShown} === 'failing'`);
      await page.evaluate(fill('lambda', ''));
      await page.evaluate(fill('start', 'warm'));
      await page.until(`${startsShown} === 'warm' && ${lambdasShown}.includes('echo')`);
      await page.evaluate(fill('ms', '100000'));
      await page.until(`!document.getElementById('requests-none').hidden`);
      await page.evaluate(fill('ms', ''));
      await page.evaluate(fill('start', ''));
      await page.until(`${startsShown}.includes('forked')`);
    });

    test('sorts the lambdas by what is chosen, both ways', async () => {
      const names = `[...document.querySelectorAll('#lambdas th button')].map((button) => button.textContent).join()`;
      const by = (title: string) =>
        page.evaluate(`[...document.querySelectorAll('#lambdas-head button')].find((button) => button.textContent === '${title}').click()`);
      await by('Lambda');
      assert.equal(await page.evaluate(names), 'echo,failing,fresh,stuck');
      await by('Lambda');
      assert.equal(await page.evaluate(names), 'stuck,fresh,failing,echo');
      await by('Failed');
      assert.equal(await page.evaluate(names), 'stuck,failing,echo,fresh');
      await by('Requests');
      assert.equal(await page.evaluate(`document.querySelector('[aria-sort=descending]').innerText`), 'Requests ↓'.replace(' ↓', ''));
      assert.match(await page.evaluate(names), /^echo,/);
    });

    test('an evil lambda cannot lend it a script', async () => {
      worker.addLambda(
        'evil',
        `def f(event, context):\n  return context.response("globalThis.bitten = 1", headers={"content-type": "text/javascript"})\n`,
      );
      assert.equal((await worker.call('evil')).headers['content-type'], 'text/javascript');
      await page.until(`${rowOf('lambdas', 'evil')}?.[1] === '1'`);
      const before = page.complaints.length;
      const outcome = (attempt: string) => page.evaluate(`(async () => { ${attempt} })().then(() => 'done', ({ name }) => name)`);
      assert.equal(await outcome(`await import('/run/evil')`), 'TypeError');
      assert.equal(await outcome(`document.createElement('script').src = '/run/evil'`), 'TypeError');
      assert.equal(await outcome(`document.body.innerHTML += '<b>'`), 'TypeError');
      assert.equal(await page.evaluate('typeof bitten'), 'undefined');
      assert.ok(page.complaints.length > before, 'the browser has said so');
      page.complaints.length = before;
    });

    test('the browser had nothing to complain about', () => assert.deepEqual(page.complaints, []));
  });
