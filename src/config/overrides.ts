// `-o key=value,key2.sub=value`: keys of config.json given on the command line. Used by cli/ (to read them) and load.ts (to apply them).
import { ConfigError } from './config-error.ts';
import { problemLine, shown } from './problem-line.ts';

export interface Override {
  readonly path: readonly [string, ...string[]];
  readonly value: unknown;
}

/**
 * Reads the text of one `-o`. A value is JSON when it parses as JSON, else a string; a comma splits unless it is inside of a value that
 * starts like JSON (`[`, `{`, `"`). Throws ConfigError. Whether the keys exist is checked with the config.
 */
export function parseOverrides(text: string): Override[] {
  const overrides: Override[] = [];
  let rest: string | undefined = text;
  while (rest !== undefined) {
    const [, key = '', tail]: readonly (string | undefined)[] = /^\s*([^=,]+?)\s*=(.*)$/s.exec(rest) ?? [];
    if (tail === undefined)
      throw new ConfigError([`-o ${shown(rest)}: expected key=value, like limits.mem_mb=100, several with commas between`]);
    const end = valueEnd(tail);
    const [first = '', ...more] = key.split('.');
    overrides.push({ path: [first, ...more], value: readValue(tail.slice(0, end)) });
    rest = end === tail.length ? undefined : tail.slice(end + 1);
  }
  return overrides;
}

/** What a config file holds, with the overrides on it; later ones win. Throws ConfigError where a key is to go into what is no object. */
export function applied(value: unknown, overrides: readonly Override[]): unknown {
  return overrides.reduce((config, { path, value: given }) => set(config, path, given, []), value);
}

/** Copies what it changes, and makes own properties only: `__proto__` is a key like any other, and then an unknown one. */
function set(target: unknown, [key, ...rest]: readonly string[], value: unknown, above: readonly string[]): unknown {
  if (key === undefined) return value;
  if (typeof target !== 'object' || target === null || Array.isArray(target)) {
    throw new ConfigError([
      `-o ${problemLine(above, `an object to set ${shown(key)} in`, Array.isArray(target) ? 'a list' : typeof target)}`,
    ]);
  }
  const inner = Object.hasOwn(target, key) ? Reflect.get(target, key) : {};
  return { ...target, [key]: set(inner, rest, value, [...above, key]) };
}

function readValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Where the value at the start of `text` ends: at a comma or the end. */
function valueEnd(text: string): number {
  let depth = 0;
  const json = /^\s*[[{"]/.test(text);
  for (const { 0: token, index } of text.matchAll(json ? /"(?:\\.|[^"\\])*"?|[[\]{},]/gs : /,/g)) {
    if (token === '[' || token === '{') depth++;
    else if (token === ']' || token === '}') depth--;
    else if (token === ',' && depth <= 0) return index;
  }
  return text.length;
}
