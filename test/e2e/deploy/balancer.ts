// The balancers of deploy/ for tests: the shipped file with nothing but addresses and paths replaced, run by the real program in the foreground.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Owner } from '../worker.ts';

export interface Balancer {
  readonly name: 'haproxy' | 'nginx';
  readonly port: number;
  /** The first line of its log, or of what it said, for which `match` holds: one that is there, or the next that comes. */
  said(match: RegExp): Promise<string>;
}

export type StartBalancer = (owner: Owner, workers: readonly [port1: number, port2: number]) => Promise<Balancer>;

/** A file of deploy/. */
export function shipped(file: string): string {
  return fileURLToPath(new URL(`../../../../deploy/${file}`, import.meta.url));
}

/** The options of tests that need these programs: skipped where one is missing, unless REQUIRE_KERNEL=1. */
export function needsPrograms(...programs: readonly string[]): { skip?: string } {
  const path = [...(process.env.PATH ?? '').split(':'), '/usr/sbin'];
  const missing = programs.filter((program) => !path.some((directory) => existsSync(join(directory, program))));
  return missing.length === 0 || process.env.REQUIRE_KERNEL === '1' ? {} : { skip: `needs ${missing.join(', ')}` };
}

export const startHaproxy: StartBalancer = async (owner, workers) => {
  const { port, file } = await written(owner, 'haproxy.cfg', workers, { 'bind :80': 'bind 127.0.0.1:PORT', '/run/haproxy/': 'DIR/' });
  const balancer = started(owner, { name: 'haproxy', port, args: ['-db', '-f', file] });
  // It listens before it asks the workers, and tells what each of them said first.
  for (const worker of ['worker1', 'worker2']) await balancer.said(new RegExp(`^Health check for server workers/${worker} `));
  return balancer;
};

export const startNginx: StartBalancer = async (owner, workers) => {
  const { dir, port, file } = await written(owner, 'nginx.conf', workers, {
    'listen 80;': 'listen 127.0.0.1:PORT;',
    '/run/nginx.pid': 'DIR/nginx.pid',
    '/var/log/nginx/': 'DIR/',
  });
  const balancer = started(owner, { name: 'nginx', port, args: ['-p', dir, '-c', file, '-g', 'daemon off; error_log stderr notice;'] });
  await balancer.said(/start worker process /); // it listens before it starts one
  return balancer;
};

/** A port that is free, and not of those that the kernel gives to connections, so that it is free again when its server was away. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_240 + Math.floor(Math.random() * 20_000);
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!free) continue;
    await once(server.close(), 'close');
    return port;
  }
}

/** Writes the shipped file with its addresses and paths replaced, each of which has to be there. */
async function written(owner: Owner, name: string, workers: readonly number[], places: Readonly<Record<string, string>>) {
  const [dir, port] = [mkdtempSync(join(tmpdir(), 'sock-deploy-')), await freePort()];
  owner.after(async () => rmSync(dir, { recursive: true, force: true }));
  let text = readFileSync(shipped(name), 'utf8');
  const all = { ...places, '10.0.0.11:8080': `127.0.0.1:${workers[0]}`, '10.0.0.12:8080': `127.0.0.1:${workers[1]}` };
  for (const [from, to] of Object.entries(all)) {
    assert.ok(text.includes(from), `deploy/${name} has no "${from}" to replace`);
    text = text.replaceAll(from, to.replace('PORT', `${port}`).replace('DIR', dir));
  }
  const file = join(dir, name);
  writeFileSync(file, text);
  return { dir, port, file };
}

function started(owner: Owner, of: { name: Balancer['name']; port: number; args: readonly string[] }): Balancer {
  const child = spawn(of.name, of.args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
  });
  const exited = once(child, 'close'); // rejects when it cannot be started
  const lines: string[] = [];
  const events = new EventEmitter().setMaxListeners(0);
  for (const input of [child.stdout, child.stderr]) {
    createInterface({ input }).on('line', (line) => {
      lines.push(line);
      events.emit('line');
    });
  }
  let ended = false;
  const end = () => {
    ended = true;
    events.emit('line');
  };
  exited.then(end, end);
  owner.after(async () => {
    child.kill();
    await exited;
  });
  return {
    name: of.name,
    port: of.port,
    said: async (match) => {
      for (let at = 0; ; await once(events, 'line')) {
        for (; at < lines.length; at++) if (match.test(lines[at] ?? '')) return lines[at] ?? '';
        assert.ok(!ended, `${of.name} ended without ${match}: ${lines.join('\n')}`);
      }
    },
  };
}
