// The dashboard in a real browser, one for all: to start it takes longer than most of what it is wanted for.
import { before, describe } from 'node:test';
import { suiteOwner } from '../worker.ts';
import { type Browser, needsBrowser, startChromium } from './chromium.ts';
import { hostile } from './hostile.ts';
import { looks } from './looks.ts';
import { page } from './page.ts';
import { restart } from './restart.ts';

describe('the dashboard', needsBrowser, () => {
  const owner = suiteOwner();
  let browser: Browser;
  before(async () => {
    browser = await startChromium(owner);
  });
  for (const tests of [page, looks, hostile, restart]) tests((url) => browser.open(url));
});
