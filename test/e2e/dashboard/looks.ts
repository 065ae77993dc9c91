// The page for all: by day and by night, on a telephone, without a mouse.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { startWorker, suiteOwner, type Worker } from '../worker.ts';
import type { Open, Page } from './chromium.ts';
import { text } from './reading.ts';

/** The lowest contrast of any text with what it stands on (WCAG 2.2, relative luminance): `[ratio, the text]`. */
const lowestContrast = `(() => {
  const colour = (value) => value.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (node) => {
    for (let at = node; at !== null; at = at.parentElement) {
      const given = getComputedStyle(at).backgroundColor;
      if (given.startsWith('rgb(')) return colour(given);
    }
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  for (let node = texts.nextNode(); node !== null; node = texts.nextNode()) {
    const parent = node.parentElement;
    if (node.data.trim() === '' || !parent.checkVisibility() || parent.closest('noscript, option')) continue;
    const [a, b] = [luminance(colour(getComputedStyle(parent).color)), luminance(ground(parent))];
    found.push([(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), node.data]);
  }
  return found.sort(([a], [b]) => a - b)[0];
})()`;

export const looks = (open: Open) =>
  describe('how it looks', () => {
    const owner = suiteOwner();
    let worker: Worker, page: Page;
    before(async () => {
      worker = await startWorker(owner, {
        lambdas: { 'a-lambda-with-quite-a-long-name-that-goes-on-and-on-and-on': 'def f(event):\n  return 1\n' },
      });
      for (let i = 0; i < 3; i++) await worker.call('a-lambda-with-quite-a-long-name-that-goes-on-and-on-and-on');
      await worker.call('nobody');
      page = await open(`${worker.url}/dashboard`);
      await page.until(`document.querySelector('#requests button')`);
      await page.evaluate(`document.querySelector('#requests button').click(); document.querySelector('#errors summary').click()`);
    });

    for (const scheme of ['light', 'dark'] as const) {
      test(`can be read where all is ${scheme}`, async () => {
        await page.send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }] });
        const [ratio, what] = await page.evaluate<[number, string]>(lowestContrast);
        assert.ok(ratio >= 4.5, `${ratio.toFixed(2)}: ${what}`);
        const [brightness] = (await page.evaluate<string>('getComputedStyle(document.body).backgroundColor')).match(/\d+/g) ?? [];
        assert.equal(Number(brightness) > 127, scheme === 'light');
      });
    }

    for (const width of [320, 390, 768, 1280]) {
      test(`is no wider than a screen of ${width}`, async () => {
        await page.send('Emulation.setDeviceMetricsOverride', { width, height: 800, deviceScaleFactor: 1, mobile: width < 700 });
        await page.evaluate('new Promise(requestAnimationFrame)');
        assert.equal(await page.evaluate('document.documentElement.scrollWidth'), width);
      });
    }

    test('all that can be chosen can be reached with the Tab key, and shows where one is', async () => {
      await page.send('Emulation.clearDeviceMetricsOverride');
      await page.evaluate(`document.forms.filter.elements.hold.click(); document.activeElement.blur()`);
      const all = await page.evaluate<number>(
        `[...document.querySelectorAll('button, input, select, summary')].filter((each) => each.checkVisibility() && each.type !== 'radio').length`,
      );
      const reached = new Set<string>();
      let [first, here] = ['', ''];
      do {
        await page.press('Tab');
        here = await page.evaluate(`(() => {
        const { activeElement: at } = document;
        globalThis.numbers ??= new Map();
        if (!numbers.has(at)) numbers.set(at, numbers.size);
        if (at === document.body || getComputedStyle(at).outlineStyle === 'none') return at.tagName + ' without outline';
        return (at.type === 'radio' ? 'radio ' : at.matches('button, input, select, summary') ? 'control ' : 'other ') + numbers.get(at);
      })()`);
        if (first === '') first = here;
        reached.add(here);
      } while (reached.size < 200 && here !== 'BODY without outline' && (here !== first || reached.size === 1));
      assert.equal([...reached].filter((each) => each.startsWith('control')).length, all);
      assert.equal([...reached].filter((each) => each.startsWith('radio')).length, 1);
      assert.deepEqual(
        [...reached].filter((each) => each.includes('without') && !each.startsWith('BODY')),
        [],
      );
    });

    test('what goes on is told to who cannot see it, the rest has names', async () => {
      assert.equal(await page.evaluate(`document.querySelector('[role=status]').id`), 'notice');
      const { nodes } = (await page.send('Accessibility.getFullAXTree')) as {
        nodes: { ignored: boolean; role?: { value: string }; name?: { value: string } }[];
      };
      const named = ['button', 'checkbox', 'combobox', 'radio', 'spinbutton', 'textbox', 'image', 'region', 'columnheader'];
      const nameless = nodes.filter(
        ({ ignored, role, name }) => !ignored && named.includes(role?.value ?? '') && (name?.value ?? '') === '',
      );
      assert.deepEqual(
        nameless.map(({ role }) => role?.value),
        [],
      );
      assert.match(await page.evaluate(text('minute')), /^last minute/);
    });
  });
