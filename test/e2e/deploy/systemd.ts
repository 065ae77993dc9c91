// systemd as the first process of namespaces and a cgroup of its own, which boots the service as deploy/README.md installs it, and nothing else.
// For a machine that is thrown away.
import { execFile, spawn } from 'node:child_process';
import { EventEmitter, on, once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import type { Owner } from '../worker.ts';
import { freePort, shipped } from './balancer.ts';
import { type Ask, client } from './calls.ts';

const run = promisify(execFile);

export interface Booted {
  /** The cgroup that systemd has to itself. */
  readonly group: string;
  /** Resolves when the worker listens: for the first time, for the second … */
  listens(): Promise<unknown>;
  /** Calls the worker. */
  readonly ask: Ask;
  /** What it printed. Rejects when it fails. */
  systemctl(...args: readonly string[]): Promise<string>;
}

/** What of `/` it may write to is its own: /etc, which has the files of `dir`, /opt with the package, /var/lib, /run. */
const init = (dir: string, group: string): string => `set -e
echo +cpu +memory +pids > ${group}/../cgroup.subtree_control
echo $$ > ${group}/cgroup.procs
exec unshare --cgroup --mount --pid --fork --mount-proc sh -e -c '
  echo forked
  read alone
  mount -t tmpfs -o mode=755 run /run
  mkdir /run/upper /run/work
  mount -t overlay -o lowerdir=${dir}/etc:/etc,upperdir=/run/upper,workdir=/run/work etc /etc
  mount -t tmpfs -o mode=755 opt /opt
  mkdir /opt/sock-worker
  mount --bind ${shipped('..')} /opt/sock-worker
  mount -t tmpfs -o mode=755 lib /var/lib
  umount --lazy /sys/fs/cgroup
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
  exec env --ignore-environment container=vm /usr/lib/systemd/systemd --unit=boot.target'
`;

export async function bootSystemd(owner: Owner, lambdas: Readonly<Record<string, string>>): Promise<Booted> {
  const [dir, port] = [mkdtempSync(join(tmpdir(), 'sock-systemd-')), await freePort()];
  const events = new EventEmitter();
  const listening = on(events, 'listening');
  const output = createServer((socket) => {
    createInterface({ input: socket }).on('line', (line) => {
      if (line.startsWith('listening on ')) events.emit('listening');
      else if (line.startsWith('worker: ')) events.emit('error', new Error(line)); // it cannot begin
    });
  });
  await once(output.listen(join(dir, 'output')), 'listening');

  const config = { sandbox: 'sock', worker_port: port, worker_url: '127.0.0.1', registry: '/etc/sock-worker/registry' };
  // Without what an operating system boots before any service; its output where it can be awaited.
  const dropIn = `[Unit]\nDefaultDependencies=no\n[Service]\nEnvironment=NODE=${process.execPath}\nStandardOutput=file:${dir}/output\nStandardError=inherit\n`;
  const files = {
    'sock-worker/config.json': JSON.stringify(config),
    ...Object.fromEntries(Object.entries(lambdas).map(([name, source]) => [`sock-worker/registry/${name}.py`, source])),
    'systemd/system/sock-worker.service': readFileSync(shipped('sock-worker.service'), 'utf8'),
    'systemd/system/sock-worker.service.d/test.conf': dropIn,
    'systemd/system/boot.target': '[Unit]\nDefaultDependencies=no\nWants=sock-worker.service\n',
    'systemd/system/network-online.target': '', // masked
  };
  for (const [name, text] of Object.entries(files)) {
    const file = join(dir, 'etc', name);
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, text);
  }

  const group = '/sys/fs/cgroup/systemd';
  mkdirSync(group);
  const child = spawn('sh', ['-c', init(dir, group)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  // A cgroup with a process in it gives no controllers to those below, so unshare, which waits for what it has started, has to leave.
  await Promise.race([once(child.stdout, 'data'), exited]);
  writeFileSync('/sys/fs/cgroup/cgroup.procs', `${child.pid}`);
  child.stdin.end('alone\n');
  owner.after(async () => {
    writeFileSync(join(group, 'cgroup.kill'), '1');
    await exited;
    output.close();
  });
  const ask = client(owner, port);
  return {
    group,
    listens: () => Promise.race([listening.next(), exited.then((how) => Promise.reject(new Error(`systemd ended: ${how}`)))]),
    ask,
    systemctl: async (...args) => {
      // The init of the innermost namespace: the one child of unshare.
      const [pid = ''] = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ');
      return (await run('nsenter', ['--target', pid, '--all', 'systemctl', ...args])).stdout;
    },
  };
}
