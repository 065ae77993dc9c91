// Prints a case's result as a table.
import { type CaseResult, met, type Series, type Target } from './result.ts';
import { median, quantile } from './statistics.ts';

/** Lines for a terminal. */
export function report(title: string, result: CaseResult): string {
  const base = result.series.find(({ name }) => name === result.baseline);
  const rows = result.series.map((series) => row(series, base));
  const lines = [title, ...table(['', 'median', 'p99', 'ratio', 'n'], rows)];
  if (result.targets.length > 0) lines.push('', ...table(['target', 'is', 'aim', ''], result.targets.map(targetRow)));
  if (result.notes.length > 0) lines.push('', ...result.notes.map((note) => `  ${note}`));
  return `${lines.join('\n')}\n`;
}

function row(series: Series, base: Series | undefined): string[] {
  const middle = median(series.samples);
  const ratio = base === undefined || base.unit !== series.unit ? '' : `${digits(middle / median(base.samples))}x`;
  return [series.name, `${digits(middle)} ${series.unit}`, digits(quantile(series.samples, 0.99)), ratio, `${series.samples.length}`];
}

function targetRow(target: Target): string[] {
  return [
    target.text,
    digits(target.value),
    `${target.sense === 'at most' ? '<=' : '>='} ${digits(target.limit)}`,
    met(target) ? 'met' : 'MISSED',
  ];
}

/** Three significant digits, no exponent. */
function digits(value: number): string {
  if (!Number.isFinite(value)) return '-';
  if (Math.abs(value) >= 100) return value.toFixed(0);
  return value === 0 ? '0' : `${Number(value.toPrecision(3))}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((cells) => cells[column]?.length ?? 0)));
  const cell = (text: string, column: number): string => (column === 0 ? text.padEnd(widths[0] ?? 0) : text.padStart(widths[column] ?? 0));
  return all.map((cells) => `  ${cells.map(cell).join('  ')}`.trimEnd());
}
