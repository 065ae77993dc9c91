// The `environment` of an ol.yaml, and the variables in it that say where a lambda starts. Values may be secrets: no problem tells one.
import { problemLine } from './problem-line.ts';

export type Environment = readonly (readonly [name: string, value: string])[];

/** Where a lambda starts, when it says so (OL_ENTRY_FILE, OL_WSGI_ENTRY, OL_ASGI_ENTRY). */
export interface Entry {
  /** Relative to the code, without `..`. */
  readonly file?: string;
  /** The name of an attribute of the entry file's module. */
  readonly wsgi?: string;
  readonly asgi?: string;
}

/** What is wrong, one line each. `entries` as lambda-yaml.ts gives them. */
export function environmentProblems(entries: readonly (readonly [string, string | undefined])[]): string[] {
  const bytes = entries.reduce((sum, [name, value = '']) => sum + Buffer.byteLength(name) + Buffer.byteLength(value) + 2, 0);
  if (bytes > maxBytes) return [problemLine(['environment'], `at most ${maxBytes >> 10} KiB of names and values`, `${bytes} bytes`)];
  return entries.flatMap(([name, value]) => {
    const at = ['environment', name];
    if (name === '' || unusable.test(name)) return [problemLine(at, 'a name without "=" and control characters', undefined)];
    if (value === undefined) return [problemLine(at, 'a string', 'a list or mapping')];
    if (uncarriable.test(value)) return [problemLine(at, 'text without NUL', undefined)];
    const special = Object.hasOwn(specials, name) ? specials[name as keyof typeof specials] : undefined;
    return special === undefined || special.form(value) ? [] : [problemLine(at, special.expectation, undefined)];
  });
}

/** The entry that a sound environment names. An empty variable names none, as in OpenLambda. */
export function entryOf(environment: Environment): Entry {
  const named = environment.flatMap(([name, value]) => {
    const special = Object.hasOwn(specials, name) && value !== '' ? specials[name as keyof typeof specials] : undefined;
    return special === undefined ? [] : [[special.key, value] as const];
  });
  return Object.fromEntries(named);
}

const maxBytes = 32 << 10;
/** Half a surrogate pair has no UTF-8. */
const unusable = /[=\p{Cc}\p{Surrogate}]/u;
const uncarriable = /[\0\p{Surrogate}]/u;

const attribute = {
  expectation: 'the name of an attribute, like "app"',
  form: (value: string) => /^([\p{ID_Start}_]\p{ID_Continue}*)?$/u.test(value),
};

const specials = {
  OL_ENTRY_FILE: {
    key: 'file',
    expectation: 'a file below the code, like "app.py", without ".."',
    form: (value: string) => !/\p{Cc}/u.test(value) && value.split('/').every((name) => name !== '' && name !== '.' && name !== '..'),
  },
  OL_WSGI_ENTRY: { key: 'wsgi', ...attribute },
  OL_ASGI_ENTRY: { key: 'asgi', ...attribute },
} as const;
