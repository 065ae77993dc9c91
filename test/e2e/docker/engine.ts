// A real Docker engine for the tests that need one: a dockerd of this process's own, without bridge and iptables, ended with it.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after } from 'node:test';
import { Pool } from 'undici';
import { needsPrograms } from '../deploy/balancer.ts';
import { needsRoot, type Worker } from '../worker.ts';

const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };

/** The options of a test that starts an engine: skipped where there is none (apt-get install docker.io). One that is there has to start. */
export const needsDocker = { ...needsRoot, ...needsPrograms('dockerd') };

/** A container, as far as tests look at it. */
export interface Listed {
  readonly Id: string;
  readonly State: string;
}

/** Resolves when a container waits for a lambda. */
export async function standby(worker: Worker): Promise<void> {
  for (let looks = 0; (await worker.status<{ standbys: number }>()).standbys === 0; looks++) assert.ok(looks < 20_000, 'no standby');
}

export interface DockerEngine {
  /** The path of its unix socket. */
  readonly socket: string;
  /** Asks its API; the answer parsed. */
  ask<T = unknown>(method: 'GET' | 'POST' | 'DELETE', path: string): Promise<T>;
  /** The containers with this label, running or not. */
  containers(label: string): Promise<readonly Listed[]>;
  /** Makes an image of a directory, with these lines of a Dockerfile. */
  image(name: string, tag: string, directory: string, changes: readonly string[]): Promise<void>;
  /** Sends one to the registry that its name begins with, and forgets it. */
  push(name: string, tag: string): Promise<void>;
  /** Ends it, and with it what it has started. */
  stop(): Promise<void>;
  /** Starts it again. */
  start(): Promise<void>;
}

interface Started extends DockerEngine {
  close(): Promise<void>;
}

let shared: Promise<Started> | undefined;
// Here, since in a test or a hook it would be the end of that.
after(async () => (await shared)?.close());

/** One for all tests of a file. */
export function dockerEngine(): Promise<DockerEngine> {
  shared ??= started();
  return shared;
}

async function started(): Promise<Started> {
  const dir = mkdtempSync(join(tmpdir(), 'dockerd-'));
  const daemon = new Daemon(dir);
  await daemon.start();
  const pool = new Pool('http://docker', { socketPath: daemon.socket });
  const ask = async <T>(method: 'GET' | 'POST' | 'DELETE', path: string): Promise<T> => {
    const { statusCode, body } = await pool.request({ method, path });
    const text = await body.text();
    if (statusCode >= 400) throw new Error(`${method} ${path}: ${statusCode} ${text}`);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  };
  return {
    socket: daemon.socket,
    ask,
    containers: (label) => ask('GET', `/containers/json?all=1&filters=${encodeURIComponent(JSON.stringify({ label: [label] }))}`),
    image: async (repo, tag, directory, changes) => {
      const tar = spawn('tar', ['-C', directory, '-cf', '-', '.'], { stdio: ['ignore', 'pipe', 'inherit'] });
      const query = new URLSearchParams({ fromSrc: '-', repo, tag });
      for (const line of changes) query.append('changes', line);
      const { body } = await pool.request({ method: 'POST', path: `/images/create?${query}`, body: tar.stdout });
      assert.doesNotMatch(await body.text(), /"error"/);
    },
    push: async (name, tag) => {
      const headers = { 'x-registry-auth': Buffer.from('{}').toString('base64') };
      const { body } = await pool.request({ method: 'POST', path: `/images/${name}/push?tag=${tag}`, headers });
      assert.doesNotMatch(await body.text(), /"error"/);
      await (await pool.request({ method: 'DELETE', path: `/images/${name}:${tag}` })).body.dump();
    },
    stop: () => daemon.stop(),
    start: () => daemon.start(),
    close: async () => {
      await pool.close();
      await daemon.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

class Daemon {
  readonly socket: string;
  readonly #options: readonly string[];
  #process: ChildProcess | undefined;

  constructor(dir: string) {
    this.socket = join(dir, 'docker.sock');
    const places = {
      host: `unix://${this.socket}`,
      'data-root': join(dir, 'data'),
      'exec-root': join(dir, 'exec'),
      pidfile: join(dir, 'pid'),
    };
    const off = ['iptables', 'ip6tables', 'ip-forward', 'ip-masq', 'userland-proxy'];
    this.#options = [
      ...Object.entries(places).map(([name, value]) => `--${name}=${value}`),
      ...off.map((name) => `--${name}=false`),
      '--bridge=none',
      '--exec-opt=native.cgroupdriver=cgroupfs',
      '--storage-driver=overlay2',
      '--shutdown-timeout=1',
    ];
  }

  /** Resolves when it listens. Rejects with its words when it ends before. */
  async start(): Promise<void> {
    const daemon = spawn('dockerd', this.#options, { env, stdio: ['ignore', 'ignore', 'pipe'] });
    this.#process = daemon;
    const words: string[] = [];
    await new Promise<void>((resolve, reject) => {
      createInterface({ input: daemon.stderr }).on('line', (line) => {
        words.push(line);
        if (line.includes('API listen on')) resolve();
      });
      daemon.once('exit', () => reject(new Error(`dockerd ended: ${words.slice(-5).join('\n')}`)));
    });
  }

  async stop(): Promise<void> {
    const daemon = this.#process;
    if (daemon === undefined || daemon.exitCode !== null || daemon.signalCode !== null) return;
    const ended = once(daemon, 'exit');
    daemon.kill();
    await ended;
  }
}
