// Starts the servers that the worker is compared with: programs of this folder that print their port and end with their stdin.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Setting } from './case.ts';
import { lambda } from './worker.ts';

export interface Server {
  readonly port: number;
  readonly pid: number;
}

/** The HTTP floor (floor.ts). */
export function startFloor(setting: Setting): Promise<Server> {
  return start(setting, 'floor.js', [lambda.expected]);
}

/** A node:http server without lambdas (node-server.ts). */
export function startNodeServer(setting: Setting): Promise<Server> {
  return start(setting, 'node-server.js', []);
}

/** Resolves once it listens. */
function start(setting: Setting, file: string, args: readonly string[]): Promise<Server> {
  const program = fileURLToPath(new URL(file, import.meta.url));
  const child = spawn(process.execPath, [program, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  setting.own({
    close: () => {
      child.stdin.end();
      return closed;
    },
  });
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', (line) => {
      resolve({ port: (JSON.parse(line) as { port: number }).port, pid: child.pid ?? -1 });
    });
    void closed.then(() => reject(new Error(`start ${file}: it ended at once`)));
  });
}
