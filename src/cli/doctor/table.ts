// The findings as text for people: one line each, what to do below it, a verdict at the end.
import type { Finding, State } from './finding.ts';

const colours: Readonly<Record<State, string>> = { ok: '32', limited: '33', missing: '31' };

export function table(findings: readonly Finding[], paint: 'colour' | 'plain'): string {
  const width = Math.max(...findings.map(({ name }) => name.length));
  const lines = findings.flatMap(({ name, state, found, mend }) => {
    const word = state.padEnd('missing'.length);
    const shown = paint === 'colour' ? `\x1b[${colours[state]}m${word}\x1b[0m` : word;
    const first = `${shown}  ${name.padEnd(width)}  ${found}`;
    return mend === undefined ? [first] : [first, `${' '.repeat(word.length + 2 + width + 2)}-> ${mend}`];
  });
  return `${[...lines, '', verdict(findings)].join('\n')}\n`;
}

function verdict(findings: readonly Finding[]): string {
  const names = (wanted: State) => findings.filter(({ state }) => state === wanted).map(({ name }) => name);
  const lacking = names('missing');
  if (lacking.length > 0) return `The worker cannot run here: ${lacking.join(', ')}.`;
  const less = names('limited');
  return less.length > 0 ? `The worker can run here, with limits: ${less.join(', ')}.` : 'The worker can run here.';
}
