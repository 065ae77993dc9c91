// Starts the HTTP floor (floor.ts).
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Setting } from './case.ts';
import { lambda } from './worker.ts';

/** Its port, once it listens. */
export async function startFloor(setting: Setting): Promise<number> {
  const program = fileURLToPath(new URL('./floor.js', import.meta.url));
  const child = spawn(process.execPath, [program, lambda.expected], { stdio: ['pipe', 'pipe', 'inherit'] });
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  setting.own({
    close: () => {
      child.stdin.end();
      return closed;
    },
  });
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', (line) => resolve((JSON.parse(line) as { port: number }).port));
    void closed.then(() => reject(new Error('start the HTTP floor: it ended at once')));
  });
}
