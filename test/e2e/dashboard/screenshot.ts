// Makes the picture of the dashboard that the README shows: a real worker with some traffic.
//
//   node dist/test/e2e/dashboard/screenshot.js [light|dark]     writes src/observe/dashboard/screenshot.png
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Owner, startWorker, type Worker } from '../worker.ts';
import { startChromium } from './chromium.ts';
import { text } from './reading.ts';

const sleeping = (ms: number): string => `import time\ndef f(event):\n  time.sleep(event["share"] * ${ms} / 1000)\n  return "ok"\n`;
const lambdas = {
  thumbnail: sleeping(40),
  checkout: sleeping(12),
  search: sleeping(5),
  'greet-visitor': 'def f(event):\n  return "hello"\n',
  'nightly-report': sleeping(900),
  import_prices:
    'import time\ndef f(event):\n  time.sleep(0.02)\n  if event["share"] < 0.2: raise ValueError("row 17: no price")\n  return 16\n',
};
/** How much more often than the others each is called. */
const weights: Readonly<Record<keyof typeof lambdas, number>> = {
  thumbnail: 4,
  checkout: 8,
  search: 20,
  'greet-visitor': 30,
  'nightly-report': 1,
  import_prices: 1,
};
const seconds = 45;
const width = 980;

const cleanUps: (() => Promise<void>)[] = [];
const owner: Owner = { after: (cleanUp) => void cleanUps.unshift(cleanUp) };
try {
  await picture(process.argv[2] ?? 'light');
} finally {
  for (const cleanUp of cleanUps) await cleanUp();
}

async function picture(scheme: string): Promise<void> {
  const worker = await startWorker(owner, { lambdas, config: { mem_pool_mb: 1500, freeze_after_ms: 300 } });
  const page = await (await startChromium(owner)).open(`${worker.url}/dashboard`);
  await page.send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }] });
  await page.send('Emulation.setDeviceMetricsOverride', { width, height: 800, deviceScaleFactor: 1, mobile: false });
  const over = new AbortController();
  const callers = Promise.all(Array.from({ length: 6 }, (_, i) => caller(worker, i, over.signal)));
  owner.after(async () => {
    over.abort();
    await callers;
  });
  await page.until(`Number(document.getElementById('rate-chart').dataset.points) >= ${seconds}`);
  // Only a part of so many requests is shown, unless they are chosen.
  await page.evaluate(`(() => {
    const { start } = document.forms.filter.elements;
    start.value = 'forked';
    start.dispatchEvent(new Event('input', { bubbles: true }));
  })()`);
  await worker.call('thumbnail', { share: 0.5 }, { start: 'forked', headers: { 'x-request-id': 'shown-here' } });
  const row = `[...document.querySelectorAll('#requests tr')].find((tr) => tr.textContent.includes('shown-here'))`;
  await page.until(row);
  await page.evaluate(
    `document.forms.filter.elements.hold.click(); ${row}.querySelector('button').click(); document.activeElement.blur(); scrollTo(0, 0)`,
  );
  await page.until(`${text('waterfall-title')} === 'shown-here'`);
  const height = await page.evaluate<number>(
    `document.getElementById('requests-title').closest('section').getBoundingClientRect().bottom + 12`,
  );
  const picture = await page.screenshot(width, Math.round(height));
  writeFileSync(fileURLToPath(new URL('../../../../src/observe/dashboard/screenshot.png', import.meta.url)), picture);
}

/** Calls one after another, in bursts of a chance that is the same in each run. */
async function caller(worker: Worker, seed: number, over: AbortSignal): Promise<void> {
  let state = seed + 1;
  const chance = (): number => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
  const names = Object.entries(weights).flatMap(([name, weight]) => Array.from({ length: weight }, () => name));
  while (!over.aborted) {
    const name = names[Math.floor(chance() * names.length)] ?? '';
    await worker.call(name, { share: chance() });
  }
}
