// The unpacked layers that are on this node, each once, however many images have it: `<dir>/<hex of its diff id>` (layer-directory.ts). Owned by one
// worker at a time.
//
// A layer that nobody retains stays as long as there is room, and the one whose last use is longest ago goes first. What is retained stays, even
// if that alone is more than the store should have.
import { chmodSync, mkdirSync, statSync, utimesSync } from 'node:fs';
import { Directories } from '../directories.ts';
import type { UnpackPool } from '../unpack-pool.ts';
import { overlaysOf, readSize } from './layer-directory.ts';

export interface LayerStoreOptions {
  /** Made if it is missing. For this process's user only: files in it belong to whom images say, who may be somebody else on this node. */
  readonly dir: string;
  /** Removes layers. Closed after the store. */
  readonly pool: UnpackPool;
  /** How much there should be at most. */
  readonly bytes: number;
}

interface Layer {
  readonly bytes: number;
  retained: number;
}

/** Layers are named by their diff ids, `sha256:…`. */
export class LayerStore {
  readonly #directories: Directories;
  readonly #most: number;
  /** In the order of their last uses. */
  readonly #layers = new Map<string, Layer>();
  readonly #underWay = new Map<string, Promise<void>>();
  #bytes = 0;

  /** Takes over what an earlier run left, and begins to remove what it left unfinished. */
  constructor({ dir, pool, bytes }: LayerStoreOptions) {
    mkdirSync(dir, { recursive: true });
    chmodSync(dir, 0o700);
    this.#most = bytes;
    this.#directories = new Directories(dir, pool);
    const found = this.#directories.list().map((hex) => ({ hex, modified: statSync(this.#directories.path(hex)).mtimeMs }));
    for (const { hex } of found.sort((a, b) => a.modified - b.modified)) this.#takeOver(hex);
    this.#evictLater();
  }

  /** Of all layers, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  has(diffId: string): boolean {
    return this.#layers.has(hexOf(diffId));
  }

  /** The directories that make up a layer that is there, for overlayfs, the lowest first: mostly one. */
  overlays(diffId: string): readonly string[] {
    const hex = hexOf(diffId);
    this.#layer(hex);
    return overlaysOf(this.#directories.path(hex));
  }

  /**
   * Resolves when the layer is there. If it is not, `fill` is to unpack it into an empty directory, for everybody who asks meanwhile; when it
   * fails, they all get its error, and nothing is left. A layer that was just made may go in the next turn of the event loop: retain it before.
   */
  make(diffId: string, fill: (temporary: string) => Promise<void>): Promise<void> {
    const hex = hexOf(diffId);
    if (this.#layers.has(hex)) {
      this.#use(hex);
      return Promise.resolve();
    }
    const underWay = this.#underWay.get(hex);
    if (underWay !== undefined) return underWay;
    const made = this.#make(hex, fill).finally(() => this.#underWay.delete(hex));
    this.#underWay.set(hex, made);
    return made;
  }

  /** Keeps the layer until as many release(). Throws if it is not there. */
  retain(diffId: string): void {
    this.#use(hexOf(diffId)).retained += 1;
  }

  release(diffId: string): void {
    const hex = hexOf(diffId);
    const layer = this.#layer(hex);
    if (layer.retained === 0) throw new Error(`release the layer ${diffId}: it is not retained`);
    layer.retained -= 1;
    if (layer.retained > 0) return;
    this.#use(hex);
    const now = new Date();
    utimesSync(this.#directories.path(hex), now, now); // for the next worker
    this.#evictLater();
  }

  /** Resolves when nothing is being removed, nor about to be. */
  settled(): Promise<void> {
    return this.#directories.settled();
  }

  /** Does not end what make() has begun. */
  close(): Promise<void> {
    return this.settled();
  }

  async #make(hex: string, fill: (temporary: string) => Promise<void>): Promise<void> {
    const temporary = this.#directories.temporary();
    try {
      await fill(temporary);
      const bytes = readSize(temporary);
      this.#directories.publish(temporary, hex);
      this.#add(hex, bytes);
    } catch (error) {
      await this.#directories.discard(temporary);
      throw error;
    }
    this.#evictLater();
  }

  #takeOver(hex: string): void {
    try {
      this.#add(hex, readSize(this.#directories.path(hex)));
    } catch {
      void this.#directories.remove(hex); // no layer; its end is awaited by settled()
    }
  }

  #add(hex: string, bytes: number): void {
    this.#layers.set(hex, { bytes, retained: 0 });
    this.#bytes += bytes;
  }

  #use(hex: string): Layer {
    const layer = this.#layer(hex);
    this.#layers.delete(hex);
    this.#layers.set(hex, layer);
    return layer;
  }

  #layer(hex: string): Layer {
    const layer = this.#layers.get(hex);
    if (layer === undefined) throw new Error(`find the layer sha256:${hex}: it is not in the store`);
    return layer;
  }

  #evictLater(): void {
    if (this.#bytes <= this.#most) return;
    this.#directories.later(async () => {
      for (const [hex, { bytes, retained }] of this.#layers) {
        if (this.#bytes <= this.#most) break;
        if (retained > 0) continue;
        void this.#directories.remove(hex); // its end is awaited by settled()
        this.#bytes -= bytes;
        this.#layers.delete(hex);
      }
    });
  }
}

/** Throws unless it is one: it becomes a path. */
function hexOf(diffId: string): string {
  const hex = /^sha256:([0-9a-f]{64})$/.exec(diffId)?.[1];
  if (hex === undefined) throw new Error(`find the layer ${JSON.stringify(diffId)}: that is no sha256 digest`);
  return hex;
}
