// Which of the media types on offer a client would rather have (RFC 9110, 12.5.1).

interface Range {
  readonly type: string;
  readonly q: number;
}

/**
 * One of `offered`: of those that the header names with the highest q the one that it names most precisely, then the one that it names first, then the
 * first of `offered`; this one also when the header is empty, or names none of them: any answer is better than none.
 */
export function preferred<T extends string>(accept: string, offered: readonly [T, ...T[]]): T {
  const ranges = accept.split(',').map(range);
  let best: { type: T; rank: Rank } | undefined;
  for (const type of offered) {
    const rank = rankOf(type, ranges);
    if (rank !== undefined && (best === undefined || isBetter(rank, best.rank))) best = { type, rank };
  }
  return best?.type ?? offered[0];
}

/** q, precision, and place in the header (negative, so that more is better). */
type Rank = readonly [q: number, precision: number, place: number];

/** By the most precise range that matches; undefined when there is none, or it forbids the type. */
function rankOf(type: string, ranges: readonly Range[]): Rank | undefined {
  const wildcards = ['*/*', `${type.slice(0, type.indexOf('/'))}/*`, type];
  for (let precision = wildcards.length - 1; precision >= 0; precision--) {
    const at = ranges.findIndex((range) => range.type === wildcards[precision]);
    const q = ranges[at]?.q;
    if (q !== undefined) return q > 0 ? [q, precision, -at] : undefined;
  }
  return undefined;
}

function isBetter(a: Rank, b: Rank): boolean {
  const [q, precision, place] = [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
  return q !== 0 ? q > 0 : precision !== 0 ? precision > 0 : place > 0;
}

/** `text/plain; charset=utf-8; q=0.5`; other parameters than q do not matter here, and a q that is none counts as 1. */
function range(text: string): Range {
  const [type = '', ...parameters] = text.toLowerCase().split(';');
  const weight = parameters
    .map((parameter) => /^\s*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*$/.exec(parameter)?.[1])
    .find((q) => q !== undefined);
  return { type: type.trim(), q: Number(weight ?? 1) };
}
