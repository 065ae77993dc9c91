// What a layer is on this node: a directory with these in it.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The layer's files. Names that it hides are whiteouts of overlayfs: character devices 0/0. */
export function treeOf(layer: string): string {
  return join(layer, 'tree');
}

/**
 * Only in layers with opaque directories: a whiteout for each of these. As a lower layer right below the tree it makes overlayfs look no
 * further. So nothing needs an extended attribute, which a mount in a user namespace would not see.
 */
export function belowOf(layer: string): string {
  return join(layer, 'below');
}

/** The layers of overlayfs that make up this one, the lowest first. */
export function overlaysOf(layer: string): readonly string[] {
  const below = belowOf(layer);
  return existsSync(below) ? [below, treeOf(layer)] : [treeOf(layer)];
}

/** Its size in bytes; written last. */
export function writeSize(layer: string, bytes: number): void {
  writeFileSync(sizeFile(layer), `${bytes}\n`, { flag: 'wx', mode: 0o600 });
}

/** Throws when `layer` is none. */
export function readSize(layer: string): number {
  const text = readFileSync(sizeFile(layer), 'utf8');
  if (!/^\d{1,15}\n$/.test(text)) throw new Error(`read the size of the layer "${layer}": it has none`);
  return Number(text);
}

function sizeFile(layer: string): string {
  return join(layer, 'bytes');
}
