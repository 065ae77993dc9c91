// `worker status`: whether a worker runs and takes calls, from the worker itself.
import type colors from 'picocolors';
import { ask } from './client.ts';
import { inColour } from './colour.ts';
import { exit, Failure } from './failure.ts';
import { holderOf } from './holder.ts';
import { type Place, type PlaceOptions, placeOf } from './place.ts';

export interface StatusOptions extends PlaceOptions {
  readonly json?: true;
}

export type Status = { readonly pid: number; readonly details: Readonly<Record<string, unknown>> } & (
  | { readonly state: 'ready' | 'draining' }
  /** It does not answer: it is starting, or about to end, or hangs. */
  | { readonly state: 'silent'; readonly why: string }
);

/** After the init scripts' specification (LSB): 3 is "not running". */
const codes = { ready: exit.well, draining: 4, silent: 4, 'not running': 3 } as const;
const answerMs = 5000;

export async function status(options: StatusOptions): Promise<number> {
  const place = placeOf(options);
  const found = await statusOf(place);
  const state = found?.state ?? 'not running';
  if (options.json) process.stdout.write(`${JSON.stringify({ state, worker_dir: place.workerDir, ...found }, undefined, 2)}\n`);
  else {
    const { default: colors } = await import('picocolors');
    process.stdout.write(told(place, found, colors.createColors(inColour())));
  }
  return codes[state];
}

/** Undefined when none runs. */
export async function statusOf(place: Place): Promise<Status | undefined> {
  const pid = holderOf(place.lock);
  if (pid === undefined) return undefined;
  try {
    const reply = await ask(place, { path: '/status', headers: { accept: 'application/json' }, signal: AbortSignal.timeout(answerMs) });
    let text = '';
    for await (const chunk of reply.setEncoding('utf8')) text += chunk;
    const { ready, ...details } = JSON.parse(text) as { ready: boolean };
    return { state: ready ? 'ready' : 'draining', pid, details };
  } catch (cause) {
    const why = cause instanceof Failure ? cause.message : String(cause);
    return { state: 'silent', pid, details: {}, why };
  }
}

function told({ workerDir }: Place, found: Status | undefined, { green, yellow, red }: ReturnType<typeof colors.createColors>): string {
  if (found === undefined) return `${red('not running')}: ${workerDir}\n`;
  const { state, pid, details } = found;
  if (state === 'silent') return `${yellow('no answer')}: pid ${pid} in ${workerDir} is starting or stopping, or hangs\n  ${found.why}\n`;
  const lines = Object.entries(details).map(([key, value]) => `  ${key}: ${typeof value === 'string' ? value : JSON.stringify(value)}\n`);
  return `${state === 'ready' ? green(state) : yellow(state)}: pid ${pid} in ${workerDir}\n${lines.join('')}`;
}
