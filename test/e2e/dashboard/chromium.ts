// A headless Chromium for tests, driven over the DevTools protocol (https://chromedevtools.github.io/devtools-protocol/) through a pair of pipes.
import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { needsPrograms } from '../deploy/balancer.ts';
import { needsRoot, type Owner } from '../worker.ts';

/** The options of tests that show a worker's page in a browser. */
export const needsBrowser = { ...needsRoot, ...needsPrograms('chromium') };

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly sessionId?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly message: string };
}

type Send = (method: string, params?: Readonly<Record<string, unknown>>, sessionId?: string) => Promise<Record<string, unknown>>;

/** A page that shows this: alone, as if nobody had been there before, and in sight for as long as the browser is. */
export type Open = (url: string) => Promise<Page>;

export interface Browser {
  readonly open: Open;
}

const options = [
  '--headless',
  '--no-first-run',
  '--disable-gpu',
  '--disable-background-networking',
  '--no-proxy-server',
  '--hide-scrollbars',
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding',
];
/** Chromium's own sandbox refuses to run as root. */
const asRoot = process.getuid?.() === 0 ? ['--no-sandbox'] : [];

export async function startChromium(owner: Owner): Promise<Browser> {
  const dir = mkdtempSync(join(tmpdir(), 'sock-chromium-'));
  const child = spawn('chromium', [...options, ...asRoot, `--user-data-dir=${dir}`, '--remote-debugging-pipe', 'about:blank'], {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'],
  });
  const { send, events } = conversation(child);
  const exited = once(child, 'close');
  owner.after(async () => {
    send('Browser.close').catch(() => child.kill('SIGKILL'));
    await exited;
    rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
  });
  return {
    open: async (url) => {
      const { browserContextId } = await send('Target.createBrowserContext');
      const { targetId } = await send('Target.createTarget', { url: 'about:blank', browserContextId, newWindow: true });
      const { sessionId } = await send('Target.attachToTarget', { targetId, flatten: true });
      const page = new Page((method, params) => send(method, params, String(sessionId)), events, String(sessionId));
      await page.show(url);
      return page;
    },
  };
}

export class Page {
  /** Whatever the browser or the page has to complain about: errors, what the content security policy forbids, dialogs. */
  readonly complaints: string[] = [];
  readonly send: Send;

  constructor(send: Send, events: EventEmitter, session: string) {
    this.send = send;
    events.on(session, ({ method, params = {} }: Message) => {
      const complaint = complaintOf(method, params);
      if (complaint !== undefined) this.complaints.push(complaint);
    });
  }

  async show(url: string): Promise<void> {
    for (const domain of ['Page', 'Runtime', 'Log', 'Network', 'Audits']) await this.send(`${domain}.enable`);
    await this.send('Page.navigate', { url });
    await this.until('document.readyState === "complete" && location.href !== "about:blank"');
  }

  /** The value of an expression in the page, or of its promise: plain data. */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = (await this.send('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
      userGesture: true,
    })) as { result: { value: T }; exceptionDetails?: { text: string; exception?: { description?: string } } };
    if (exceptionDetails === undefined) return result.value;
    throw new Error(`${expression}: ${exceptionDetails.exception?.description ?? exceptionDetails.text}`);
  }

  /** The first value of the expression that holds, now or after something in the page has changed. */
  async until<T>(expression: string): Promise<T> {
    return this.evaluate(`new Promise((resolve, reject) => {
      const observer = new MutationObserver(look);
      const late = setTimeout(() => reject(new Error('not within 60 s: ' + document.body.innerText)), 60_000);
      function look() {
        const value = ${expression};
        if (!value) return;
        observer.disconnect();
        document.removeEventListener('readystatechange', look);
        clearTimeout(late);
        resolve(value);
      }
      observer.observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
      document.addEventListener('readystatechange', look);
      look();
    })`);
  }

  /** Presses a key: `Tab`, `Enter` … */
  async press(key: 'Tab' | 'Enter'): Promise<void> {
    const code = { Tab: 9, Enter: 13 }[key];
    const event = { key, code: key, windowsVirtualKeyCode: code, ...(key === 'Enter' && { text: '\r' }) };
    await this.send('Input.dispatchKeyEvent', { type: 'keyDown', ...event });
    await this.send('Input.dispatchKeyEvent', { type: 'keyUp', ...event });
  }

  /** PNG, of the page from its top down to there. */
  async screenshot(width: number, height: number): Promise<Buffer> {
    const clip = { x: 0, y: 0, width, height, scale: 1 };
    const { data } = await this.send('Page.captureScreenshot', { captureBeyondViewport: true, clip });
    return Buffer.from(String(data), 'base64');
  }
}

function complaintOf(method: string | undefined, params: Readonly<Record<string, unknown>>): string | undefined {
  const text = JSON.stringify(params);
  const { type, entry } = params as { type?: string; entry?: { level: string } };
  if (method === 'Runtime.exceptionThrown' || method === 'Audits.issueAdded' || method === 'Page.javascriptDialogOpening') return text;
  if (method === 'Log.entryAdded' && entry?.level !== 'verbose') return text;
  return method === 'Runtime.consoleAPICalled' && ['error', 'warning', 'assert'].includes(type ?? '') ? text : undefined;
}

/** Messages are JSON, each ended by a NUL; those of a page carry its session. */
function conversation(child: ChildProcess): { send: Send; events: EventEmitter } {
  const [out, into] = [child.stdio[3] as Writable, child.stdio[4] as Readable];
  const waiting = new Map<number, { resolve(result: Record<string, unknown>): void; reject(error: Error): void }>();
  const events = new EventEmitter();
  let [sent, gathered, words, gone] = [0, '', '', false];
  const receive = (text: string): void => {
    const message = JSON.parse(text) as Message;
    if (message.id === undefined) events.emit(message.sessionId ?? '', message);
    else if (message.error === undefined) waiting.get(message.id)?.resolve(message.result ?? {});
    else waiting.get(message.id)?.reject(new Error(message.error.message));
    waiting.delete(message.id ?? -1);
  };
  into.setEncoding('utf8').on('data', (text: string) => {
    const messages = (gathered + text).split('\0');
    gathered = messages.pop() ?? '';
    messages.forEach(receive);
  });
  out.on('error', () => {}); // its end is told below
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (words += text));
  const end = (cause: unknown): void => {
    gone = true;
    for (const { reject } of waiting.values()) reject(new Error(`chromium ended (${cause}): ${words}`));
  };
  child.once('close', end).once('error', end);
  return {
    events,
    send: (method, params = {}, sessionId) =>
      new Promise((resolve, reject) => {
        if (gone) return reject(new Error(`chromium has ended: ${words}`));
        sent++;
        waiting.set(sent, { resolve, reject });
        out.write(`${JSON.stringify({ id: sent, method, params, sessionId })}\0`);
      }),
  };
}
