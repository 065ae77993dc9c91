// For commands beside a worker: what a worker that was killed has left at the engine.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Containers } from './containers.ts';
import { Engine } from './engine.ts';

/** Only for who holds the lock of the directory. Rejects when the engine does not answer. */
export async function removeLeftovers(socket: string, workerDir: string): Promise<void> {
  const engine = await Engine.open(socket);
  try {
    await new Containers(engine, workerDir).sweep(new Set());
    rmSync(join(workerDir, 'docker'), { recursive: true, force: true });
  } finally {
    await engine.close();
  }
}
