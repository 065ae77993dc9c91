// What a request path names: a lambda to invoke, or something else (admin/paths.ts knows what).

export type Target =
  /** `method` is the only one that may be used, undefined when any may. `root`: the part of the path that names the lambda, as sent. */
  | { readonly at: 'lambda'; readonly name: string; readonly root: string; readonly method: 'POST' | undefined }
  | { readonly at: 'bad-name' }
  | { readonly at: 'elsewhere' };

const elsewhere: Target = { at: 'elsewhere' };
const nameForm = /^[A-Za-z0-9._-]+$/;

/** Reads a path as sent, without its query. The name is percent-decoded once, and then has to be a plain name. */
export function target(path: string): Target {
  if (path.startsWith('/run/')) {
    const end = path.indexOf('/', 5);
    return lambda(end === -1 ? path : path.slice(0, end), 5, undefined);
  }
  if (path.startsWith('/runLambda/')) return path.includes('/', 11) ? elsewhere : lambda(path, 11, 'POST');
  return elsewhere;
}

function lambda(root: string, from: number, method: 'POST' | undefined): Target {
  const encoded = root.slice(from);
  const name = encoded.includes('%') ? decoded(encoded) : encoded;
  if (!nameForm.test(name) || name === '.' || name === '..') return { at: 'bad-name' };
  return { at: 'lambda', name, root, method };
}

/** '' when the encoding is broken, which is no name either. */
function decoded(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return '';
  }
}
