// Tables of attempts: what code inside a lambda tries, how that must end, and the same attempt where nothing stands in its way.
// The Python of both is attacks/lib.py and one group beside it: as a lambda of its own, and as what lambdas of other languages execute.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { before, describe, test } from 'node:test';
import type { ColdClass } from '../../../src/sandbox/sandbox.ts';
import { packageRoot } from '../../../src/sandbox/sock/native.ts';
import type { Answer, Worker } from '../worker.ts';
import { otherLanguages } from './languages.ts';

/** An emulated machine is slow, and a standby is forked like any other, then given its code: there it stands for all. */
export const coldClasses: readonly ColdClass[] = process.env.SUITE_PREFIX === 'vm-' ? ['standby'] : ['standby', 'forked', 'spawned'];

/** What attacks/lib.py tells of one attempt. */
export interface Outcome {
  readonly value?: unknown;
  readonly errno?: string;
  readonly error?: string;
  readonly signal?: number;
}
export type Outcomes = Readonly<Record<string, Outcome>>;
type Check = (outcome: Outcome) => void;

export interface Attempt {
  readonly attack: string;
  /** As the end of "cannot …". */
  readonly what: string;
  /** In the lambda. */
  readonly inside: Check;
  /** As root on the host, in namespaces of its own; or why there is no control. */
  readonly control: Check | string;
  /** Takes the channel, descriptor 3. The program of a native lambda has none. */
  readonly byChannel?: true;
}

/** Attempts that fail with one of the errors inside. What the control must see is `control`. */
export function refused(errors: string, attempts: Readonly<Record<string, string>>, control: Check | string = works): Attempt[] {
  const inside = fails(errors);
  return Object.entries(attempts).map(([attack, what]) => ({ attack, what, inside, control }));
}

export function fails(errors: string): Check {
  const allowed = errors.split(' ');
  return (outcome) =>
    assert.ok(outcome.errno !== undefined && allowed.includes(outcome.errno), `${JSON.stringify(outcome)} instead of ${errors}`);
}

export function gives(value: unknown): Check {
  return (outcome) => assert.deepEqual(outcome, { value });
}

export const works: Check = (outcome) => assert.ok('value' in outcome, JSON.stringify(outcome));

/** It works, or this machine has no such thing at all (its own root may be read-only, too). */
export const worksIfThere: Check = (outcome) => {
  if (
    !['ENOSYS', 'EAFNOSUPPORT', 'EPROTONOSUPPORT', 'ENODEV', 'ENOENT', 'EOPNOTSUPP', 'ENOTSUP', 'ESOCKTNOSUPPORT', 'EROFS'].includes(
      outcome.errno ?? '',
    )
  )
    works(outcome);
};

/** The kernel looks at the arguments, which are harmless ones that it refuses: another error than that of the lambda. */
export const reaches: Check = (outcome) => assert.ok(outcome.errno !== 'EPERM', JSON.stringify(outcome));

export function source(group: string): string {
  const read = (name: string): string => readFileSync(join(packageRoot(), 'test/e2e/isolation/attacks', name), 'utf8');
  return `${read('lib.py')}\n${read(`${group}.py`)}`;
}

type Given = Readonly<Record<string, unknown>>;

export interface Table {
  /** File of attacks/ without its ending, and the lambda made of it; <group>-<language>: that of another language. */
  readonly group: string;
  readonly attempts: readonly Attempt[];
  /** What the attacks are told about the host. */
  readonly given?: (worker: Worker) => Given | Promise<Given>;
  /** As HostOptions.under, for the control. */
  readonly under?: readonly string[];
}

/** Runs a table in a sandbox of every start class and language, then on the host. */
export function table({ group, attempts, given, under }: Table, running: () => Worker): void {
  describe(group, () => {
    const controls = attempts.filter((a) => typeof a.control !== 'string');
    const inside: Record<string, Outcomes> = {};
    let outside: Outcomes = {};
    const kinds = [
      ...coldClasses.map((start) => ({ start, language: 'python' })),
      ...otherLanguages.map((language) => ({ start: 'standby' as const, language })),
    ];
    before(async () => {
      const worker = running();
      const there = (await given?.(worker)) ?? {};
      for (const { start, language } of kinds) {
        const answer = await callCold(
          worker,
          language === 'python' ? group : `${group}-${language}`,
          { attacks: attempts.map((a) => a.attack), given: there },
          start,
        );
        assert.equal(answer.status, 200, answer.text);
        inside[`${language} ${start}`] = answer.json<Outcomes>();
      }
      outside = await onHost({ group, attacks: controls.map((a) => a.attack), given: there, ...(under && { under }) });
    });
    for (const { start, language } of kinds) {
      describe(`a ${start} lambda in ${language} cannot`, () => {
        for (const { attack, what, inside: check, byChannel } of attempts) {
          const ends = byChannel && language === 'native' ? fails('EBADF') : check;
          test(what, () => ends(inside[`${language} ${start}`]?.[attack] ?? {}));
        }
      });
    }
    describe('without a sandbox one can', () => {
      for (const { attack, what, control } of controls) if (typeof control === 'function') test(what, () => control(outside[attack] ?? {}));
    });
  });
}

/** A call that starts a sandbox in the way asked for. A standby may have to be made first; the call says so, and asking again is all one can do. */
export async function callCold(worker: Worker, lambda: string, event: unknown, start: ColdClass): Promise<Answer> {
  for (;;) {
    const answer = await worker.call(lambda, event, { start });
    if (start === 'standby' && answer.status === 409) continue;
    assert.ok(answer.status >= 400 || answer.headers['x-start-class'] === start, answer.headers['x-start-class']?.toString());
    return answer;
  }
}

export interface HostOptions {
  readonly group: string;
  readonly attacks: readonly string[];
  readonly given: Given;
  /** A command that the interpreter runs under; by default root in namespaces of its own, which nothing leaves. */
  readonly under?: readonly string[];
}

const ownNamespaces = [
  'unshare',
  '--mount',
  '--propagation=private',
  '--pid',
  '--fork',
  '--mount-proc',
  '--net',
  '--uts',
  '--ipc',
  '--cgroup',
];

/** The same attempts in a process of the host. */
export async function onHost({ group, attacks, given, under = ownNamespaces }: HostOptions): Promise<Outcomes> {
  const [command = '', ...args] = [...under, '/usr/bin/python3', '-I', '-c', `${source(group)}\ncontrol()\n`];
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(JSON.stringify({ attacks, given: { ...given, host: true } }));
  const out = await text(child.stdout);
  return JSON.parse(out) as Outcomes;
}
