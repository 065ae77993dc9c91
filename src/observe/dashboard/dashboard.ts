// The page at /dashboard: its files, and the numbers that it asks for each second. Nothing is computed unless somebody looks, but that the last errors
// are kept. The page itself is in page/: plain files that browsers take as they are.
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import type { Finished } from '../finished.ts';
import type { Recorder } from '../recorder.ts';
import { type Asked, type Data, data } from './data.ts';
import { Minute } from './minute.ts';
import { type Failed, shortened } from './requests.ts';
import { Samples } from './samples.ts';
import type { Lambdas, Totals } from './views.ts';

export interface DashboardOptions {
  /** The folder page/. */
  readonly dir: string;
  readonly recorder: Recorder;
  readonly state: () => string;
  readonly totals: () => Totals;
  readonly lambdas: Lambdas;
  /** What the backend says of itself. */
  readonly backend: () => Readonly<Record<string, unknown>>;
}

export interface Asset {
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string | Uint8Array;
}

const failuresKept = 50;

const types: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
};

const always: Asset['headers'] = [
  ['cache-control', 'no-cache'],
  ['x-content-type-options', 'nosniff'],
  ['cross-origin-resource-policy', 'same-origin'],
];

export class Dashboard {
  readonly #options: DashboardOptions;
  readonly #html: string;
  readonly #assets: ReadonlyMap<string, Asset>;
  readonly #minute = new Minute();
  readonly #samples = new Samples();
  readonly #failed: Failed[] = [];

  constructor(options: DashboardOptions) {
    this.#options = options;
    const { dir } = options;
    this.#html = readFileSync(join(dir, 'page.html'), 'utf8');
    this.#assets = new Map(
      readdirSync(dir).flatMap((name) => {
        const type = types[extname(name)];
        return type === undefined ? [] : [[name, { headers: [...always, ['content-type', type]], body: readFileSync(join(dir, name)) }]];
      }),
    );
  }

  /** To be called for each request that failed, with what its caller was told. */
  note(finished: Finished, message: string): void {
    this.#failed.push({ finished, message: shortened(message) });
    if (this.#failed.length > failuresKept) this.#failed.shift();
  }

  /**
   * The page. Lambdas answer under the same origin, and what they answer may be a script: so `'self'` is no source of any, and only what carries the nonce
   * of this very reply is (modules hand it on to what they import).
   */
  page(): Asset {
    const nonce = randomBytes(16).toString('base64');
    const policy = [
      "default-src 'none'",
      `script-src 'nonce-${nonce}'`,
      `style-src 'nonce-${nonce}'`,
      "connect-src 'self'",
      'img-src data:',
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
      "trusted-types 'none'",
    ];
    return {
      headers: [
        ...always,
        ['content-type', 'text/html; charset=utf-8'],
        ['content-security-policy', policy.join('; ')],
        ['cross-origin-opener-policy', 'same-origin'],
        ['referrer-policy', 'no-referrer'],
      ],
      body: this.#html.replaceAll('{nonce}', nonce),
    };
  }

  /** One of the files that the page wants. */
  asset(name: string): Asset | undefined {
    return this.#assets.get(name);
  }

  data(asked: Asked): Data {
    const { recorder, state, totals, lambdas, backend } = this.#options;
    return data(asked, {
      now: performance.now(),
      recorder,
      minute: this.#minute,
      samples: this.#samples,
      failed: this.#failed,
      state: state(),
      totals: totals(),
      lambdas,
      backend: backend(),
    });
  }
}
