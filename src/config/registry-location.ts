// The config key `registry`: where lambdas come from. Checked by schema.ts, completed by load.ts.
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const registryExpectation = 'a directory, or a URL: file:///dir, http(s)://host/path/, s3://bucket/prefix, oci://host[:port]/prefix';

/** What `value` would have to be and is not; undefined when it can be used. */
export function registryProblem(value: string): string | undefined {
  const scheme = schemeOf(value);
  if (scheme === undefined) return value.includes('\0') ? 'a directory, which has no NUL' : undefined;
  const check = schemes.get(scheme);
  return check === undefined ? registryExpectation : check(value);
}

/** Absolute where it is a directory. */
export function registryLocation(value: string, workerDir: string): string {
  if (value === '') return path.join(workerDir, 'registry');
  const scheme = schemeOf(value);
  if (scheme === 'file') return fileURLToPath(value);
  return scheme === undefined ? path.resolve(value) : value;
}

/** As it may be shown: without a password. */
export function shownRegistry(value: string): string {
  return value.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/]*@/i, '$1…@');
}

const schemes: ReadonlyMap<string, (value: string) => string | undefined> = new Map(
  Object.entries({
    file: (value: string) =>
      !/^file:\/\/\/(?!.*%(2f|00))/i.test(value) ? 'file:/// and an absolute directory, without %2F and %00' : unescaped(value),
    http: web,
    https: web,
    s3: (value: string) =>
      /^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](\/(?!\.{1,2}(\/|$))[^/\0]*)*$/i.test(value)
        ? undefined
        : 's3://bucket or s3://bucket/prefix, with a bucket of 3 to 63 letters, digits, "." and "-", and a prefix (not percent-encoded) without "." and ".."',
    oci: (value: string) =>
      /^[a-z]+:\/\/([a-zA-Z0-9.-]+|\[[0-9a-fA-F:.]+\])(:\d{1,5})?(\/[a-z0-9]+((\.|_{1,2}|-+)[a-z0-9]+)*)*\/?$/.test(value)
        ? undefined
        : 'oci://host[:port]/prefix, without a user, and a prefix of lower-case letters and digits with ".", "_", "-" and "/" between them',
  }),
);

function web(value: string): string | undefined {
  if (!URL.canParse(value)) return 'a URL, http(s)://host/path/';
  const { username, password } = new URL(value);
  return [username, password].every(isEncoded) ? unescaped(value) : 'a URL whose user and password have % as %25';
}

function unescaped(value: string): string | undefined {
  return /[\s?#\\]/.test(value) ? 'a URL with "?", "#", "\\" and spaces written as %3F, %23, %5C and %20' : undefined;
}

function isEncoded(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

function schemeOf(value: string): string | undefined {
  return /^([a-z][a-z0-9+.-]*):\/\//i.exec(value)?.[1]?.toLowerCase();
}
