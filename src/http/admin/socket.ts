// The Unix socket `<worker_dir>/ol.sock`: all paths are served there, and whoever may open it (its mode is 0600) may use the admin API.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Engine, Handler, Listening } from '../engine.ts';

/** sockaddr_un has room for so many bytes, and a NUL. */
const longestPath = 107;

/**
 * Must be called by the one worker of the directory only: a socket that is there is a dead worker's. In a directory whose path is too long for a socket there
 * is none, and `warn` is told.
 */
export async function listenOnSocket(
  engine: Engine,
  workerDir: string,
  handler: Handler,
  warn: (line: string) => void,
): Promise<Listening> {
  const path = join(workerDir, 'ol.sock');
  if (Buffer.byteLength(path) > longestPath) {
    warn(`no admin socket: its path "${path}" is over ${longestPath} bytes (choose a shorter worker_dir to have one)`);
    return { port: 0, stopAccepting: () => {}, closeAll: () => {} };
  }
  const listening = await engine.listen({ path, handler });
  return {
    ...listening,
    closeAll: () => {
      listening.closeAll();
      rmSync(path, { force: true });
    },
  };
}
