// What holds every sandbox beside the limits that can be set, whichever backend makes it.

/** By their names at an engine. */
export const rlimits = { core: 0, nofile: 1024, memlock: 1 << 20, msgqueue: 819_200 } as const;

/** Of a tmpfs with so many bytes. */
export function scratchInodes(bytes: number): number {
  return Math.max(1024, Math.floor(bytes / 4096));
}
