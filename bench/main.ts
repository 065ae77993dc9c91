// `npm run bench [-- --quick] [case …]`: runs each case in a process of its own, keeps what it measured in bench/results/, prints a table.
import { fork } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageRoot } from '../src/sandbox/sock/native.ts';
import { caseNames, cases } from './cases.ts';
import { describeMachine, type Machine } from './machine.ts';
import { report } from './report.ts';
import type { CaseResult } from './result.ts';

const usage = `usage: npm run bench [-- [--quick] [case ...]]
  --quick   a tenth of the rounds: to see that it runs, not to judge by
cases:
${Object.entries(cases)
  .map(([name, { title }]) => `  ${name.padEnd(11)} ${title}`)
  .join('\n')}
`;

async function main(args: readonly string[]): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(usage);
    return 0;
  }
  const quick = args.includes('--quick');
  const asked = args.filter((arg) => arg !== '--quick');
  const unknown = asked.find((name) => !Object.hasOwn(cases, name));
  if (unknown !== undefined) {
    process.stderr.write(`bench: there is no case "${unknown}"\n${usage}`);
    return 2;
  }
  const results = join(packageRoot(), 'bench/results');
  mkdirSync(results, { recursive: true });
  let failed = 0;
  for (const name of asked.length > 0 ? asked : caseNames) {
    const machine = describeMachine();
    const result = await runApart(name, quick);
    if (result === undefined) failed++;
    else keep({ name, quick, machine, result, results });
  }
  return failed === 0 ? 0 : 1;
}

/** Undefined when the case could not be run; it has told why. */
function runApart(name: string, quick: boolean): Promise<CaseResult | undefined> {
  return new Promise((resolve) => {
    let result: CaseResult | undefined;
    const child = fork(fileURLToPath(new URL('./run-case.js', import.meta.url)), [name, ...(quick ? ['--quick'] : [])]);
    child.on('message', (message) => (result = message as CaseResult));
    child.once('close', (code) => resolve(code === 0 ? result : undefined));
  });
}

interface Kept {
  readonly name: string;
  readonly quick: boolean;
  readonly machine: Machine;
  readonly result: CaseResult;
  readonly results: string;
}

function keep({ name, quick, machine, result, results }: Kept): void {
  const file = join(results, `${machine.date.replace(/[:.]/g, '-')}-${name}.json`);
  writeFileSync(file, `${JSON.stringify({ case: name, quick, machine, ...result })}\n`);
  const load = machine.load[0] ?? 0;
  // Whoever reads the table should know when something else had the processors.
  const busy = load > 0.5 ? `  (load average ${load.toFixed(1)} before it: something else runs here)` : '';
  process.stdout.write(`${report(`${name}: ${cases[name]?.title ?? ''}${quick ? ' [quick]' : ''}${busy}`, result)}\n`);
}

process.exitCode = await main(process.argv.slice(2));
