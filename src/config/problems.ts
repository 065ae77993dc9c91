// What is wrong with a config, as lines for people: key, expectation, value. Used by load.ts and lambda-settings.ts.
import { z } from 'zod';
import { nearest } from './nearest.ts';
import { type Path, problemLine } from './problem-line.ts';

export interface Checking {
  readonly value: unknown;
  readonly schema: z.ZodType;
  /** How a value is told; undefined when it must not be. `known` is false for the value of an unknown key. */
  readonly got: (value: unknown, at: Path, known: boolean) => string | undefined;
  /** Where a value comes from, before its key; absent for the file. */
  readonly origin?: (at: Path) => string;
}

/** One line a problem, in the order of the schema. */
export function problemLines(error: z.ZodError, { value, schema, got, origin = () => '' }: Checking): string[] {
  return error.issues.flatMap((issue) => {
    const { path } = issue;
    if (issue.code !== 'unrecognized_keys') return [origin(path) + problemLine(path, issue.message, got(valueAt(value, path), path, true))];
    const known = keysAt(schema, path);
    return issue.keys.slice(0, most).map((key) => {
      const guess = nearest(key.slice(0, longest), known);
      const hint = guess === undefined ? '' : ` (did you mean ${JSON.stringify(guess)}?)`;
      const at = [...path, key];
      return origin(at) + problemLine(at, `a known key${hint}`, got(valueAt(value, at), at, false));
    });
  });
}

/** Unknown keys of one object that are told; more would only hide the first. */
const most = 20;
/** Characters of a key for which a known one is guessed. */
const longest = 60;

function valueAt(value: unknown, path: Path): unknown {
  let at = value;
  for (const key of path) at = typeof at === 'object' && at !== null && Object.hasOwn(at, key) ? Reflect.get(at, key) : undefined;
  return at;
}

function keysAt(schema: z.ZodType, path: Path): readonly string[] {
  let at: unknown = schema;
  for (const key of path) {
    const inner = bare(at);
    at = inner instanceof z.ZodArray ? inner.element : inner instanceof z.ZodObject ? inner.shape[String(key)] : undefined;
  }
  const inner = bare(at);
  return inner instanceof z.ZodObject ? Object.keys(inner.shape) : [];
}

function bare(schema: unknown): unknown {
  let inner = schema;
  while (
    inner instanceof z.ZodDefault ||
    inner instanceof z.ZodPrefault ||
    inner instanceof z.ZodOptional ||
    inner instanceof z.ZodNullable
  ) {
    inner = inner.unwrap();
  }
  return inner;
}
