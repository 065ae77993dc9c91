// How a layer says what it takes away from those below it: by members with names of their own. Pure.
// (OCI image layer specification, "Whiteouts".)
import { Refusal } from '../refusal.ts';

export type Whiteout =
  /** What layers below have at `path` is gone. */
  | { readonly hides: 'one'; readonly path: string }
  /** All that layers below have in the directory `path` is gone. */
  | { readonly hides: 'all'; readonly path: string };

const prefix = '.wh.';
const opaque = '.wh..wh..opq';

/** What the member at `path` says, or undefined if it is an ordinary one. Refuses what could be taken for one or the other. */
export function whiteoutOf(path: string): Whiteout | undefined {
  if (!path.includes(prefix)) return undefined;
  const parts = path.split('/');
  const name = parts.pop() ?? '';
  if (parts.some((part) => part.startsWith(prefix))) throw new Refusal('is below a whiteout', path);
  if (!name.startsWith(prefix)) return undefined;
  if (name === opaque) {
    if (parts.length === 0) throw new Refusal('hides all layers below it', path);
    return { hides: 'all', path: parts.join('/') };
  }
  const hidden = name.slice(prefix.length);
  if (hidden === '' || hidden === '.' || hidden === '..') throw new Refusal('is a whiteout of no name', path);
  if (hidden.startsWith(prefix)) throw new Refusal('is a whiteout of a name that is kept for whiteouts', path);
  return { hides: 'one', path: [...parts, hidden].join('/') };
}
