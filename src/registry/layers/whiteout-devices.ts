// Makes whiteouts of overlayfs, character devices 0/0. Node has no mknod, so a program makes the first one, and the others are links to it,
// as overlayfs itself has them.
import { execFileSync } from 'node:child_process';
import { linkSync } from 'node:fs';

export class WhiteoutDevices {
  #first: string | undefined;

  /** `path` is absolute, and nothing is there. */
  make(path: string): void {
    if (this.#first !== undefined && linked(this.#first, path)) return;
    execFileSync('mknod', [path, 'c', '0', '0'], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#first = path;
  }
}

/** False when the file has as many links as it can. */
function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EMLINK') return false;
    throw error;
  }
}
