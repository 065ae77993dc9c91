// What is wrong with a config file, as lines for people: key, expectation, value. Used by load.ts.
import type { z } from 'zod';
import { nearest } from './nearest.ts';

/** One line a problem, in the order of the schema. `keysAt` gives the known keys of the object at a path. */
export function problemLines(error: z.ZodError, value: unknown, keysAt: (at: Path) => readonly string[]): string[] {
  return error.issues.flatMap((issue) => {
    if (issue.code !== 'unrecognized_keys') return [problemLine(issue.path, issue.message, valueAt(value, issue.path))];
    return issue.keys.map((key) => {
      const guess = nearest(key, keysAt(issue.path));
      const hint = guess === undefined ? '' : ` (did you mean ${JSON.stringify(guess)}?)`;
      return problemLine([...issue.path, key], `a known key${hint}`, valueAt(value, [...issue.path, key]));
    });
  });
}

export type Path = readonly PropertyKey[];

export function problemLine(path: Path, expectation: string, value: unknown): string {
  const key = path.length === 0 ? 'the config' : path.map(String).join('.');
  return `${key}: expected ${expectation}, got ${shown(value)}`;
}

function valueAt(value: unknown, path: Path): unknown {
  let at = value;
  for (const key of path) at = typeof at === 'object' && at !== null ? Reflect.get(at, key) : undefined;
  return at;
}

const longest = 60;

function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > longest ? `${text.slice(0, longest)}…` : text;
}
