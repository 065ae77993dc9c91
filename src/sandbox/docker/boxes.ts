// What of this machine's file system a container has for itself: a directory for its line, and one in which a standby finds its code. Containers see these
// two and nothing above them; neither do other users of this machine.
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fits } from './line.ts';

export interface Box {
  /** Seen by the container as a whole. */
  readonly line: string;
  readonly socket: string;
  readonly code: string;
  remove(): Promise<void>;
}

const longestId = '1234567890';

export class Boxes {
  readonly #directory: string;

  /** Removes what an earlier worker has left there. */
  constructor(directory: string) {
    this.#directory = directory;
    const { socket } = this.#box(longestId);
    if (!fits(socket)) throw new Error(`make sockets like "${socket}": the path is too long for one (choose a shorter worker_dir)`);
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true });
    chmodSync(directory, 0o700);
  }

  make(id: string): Box {
    const box = this.#box(id);
    mkdirSync(box.line, { recursive: true });
    mkdirSync(box.code);
    return box;
  }

  #box(id: string): Box {
    const directory = join(this.#directory, id);
    const line = join(directory, 'line');
    return { line, socket: join(line, 's'), code: join(directory, 'code'), remove: () => rm(directory, { recursive: true, force: true }) };
  }
}
