// All that the checks may look at, so that a test can show them a machine that is not this one.
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmdirSync,
  statfsSync,
} from 'node:fs';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';

export interface Host {
  readonly uid: number;
  /** As `uname -r` has it. */
  readonly kernel: string;
  readonly nodeVersion: string;
  /** The file's text, undefined when it cannot be read. */
  read(file: string): string | undefined;
  exists(file: string): boolean;
  /** Runs a program to its end. */
  run(command: readonly [string, ...string[]]): Ran;
  /** Makes a directory in `parent`, lists what is in it at once (cgroupfs fills new ones), removes it. The error's code when it cannot. */
  tryDirectory(parent: string): { readonly entries: readonly string[] } | { readonly code: string };
  /** Opens a file that is there, to write at its end. The error's code when it cannot. */
  tryAppend(file: string): string | undefined;
  /** Without links. Of a path that is there. */
  realPath(path: string): string;
  /** Bytes that may still be written to the file system of a directory. */
  freeBytes(directory: string): number;
  /** Listens for a moment. The error's code when it cannot. */
  tryPort(name: string, port: number): Promise<string | undefined>;
}

export interface Ran {
  /** undefined: not found, or ended by a signal. */
  readonly status: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

const longestRunMs = 10_000;

export function thisHost(): Host {
  return {
    uid: process.getuid?.() ?? -1,
    kernel: os.release(),
    nodeVersion: process.versions.node,
    read(file) {
      try {
        return readFileSync(file, 'utf8');
      } catch {
        return undefined;
      }
    },
    exists: existsSync,
    run([program, ...args]) {
      const { status, stdout, stderr } = spawnSync(program, args, {
        encoding: 'utf8',
        timeout: longestRunMs,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      return { status: status ?? undefined, stdout: stdout ?? '', stderr: stderr ?? '' };
    },
    tryDirectory(parent) {
      try {
        const directory = mkdtempSync(path.join(parent, 'doctor-'));
        try {
          return { entries: readdirSync(directory) };
        } finally {
          rmdirSync(directory);
        }
      } catch (error) {
        return { code: codeOf(error) };
      }
    },
    tryAppend(file) {
      try {
        closeSync(openSync(file, constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK)); // of a FIFO nobody may read
        return undefined;
      } catch (error) {
        return codeOf(error);
      }
    },
    realPath: realpathSync,
    freeBytes(directory) {
      const { bavail, bsize } = statfsSync(directory);
      return bavail * bsize;
    },
    tryPort(name, port) {
      return new Promise((resolve) => {
        const server = createServer();
        server.once('error', (error) => resolve(codeOf(error)));
        server.listen({ host: name, port, exclusive: true }, () => server.close(() => resolve(undefined)));
      });
    },
  };
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
