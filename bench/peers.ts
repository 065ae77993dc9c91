// Other programs that make sandboxes, as far as they are installed: each creates one, runs a program in it that ends at once, and destroys it.
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Setting } from './case.ts';
import { launched } from './contenders.ts';
import type { Contender } from './interleave.ts';
import { describeMachine } from './machine.ts';

export interface Peers {
  readonly contenders: readonly Contender[];
  /** What is not measured, and why. */
  readonly notes: readonly string[];
}

/** A docker run takes so long that it is measured more seldom: hence apart. */
export function peers(setting: Setting): { readonly fast: Peers; readonly docker: Peers } {
  const launch = setting.compile('launch');
  const root = join(setting.directory, 'rootfs');
  for (const name of ['proc', 'dev', 'sys', 'tmp']) mkdirSync(join(root, name), { recursive: true });
  copyFileSync(setting.compile('nothing'), join(root, 'nothing'));
  const contenders: Contender[] = [];
  const notes: string[] = [];
  if (installed('bwrap')) contenders.push(launched(setting, 'bwrap', [launch, ...bwrap(root)]));
  else notes.push('bwrap is not installed');
  for (const name of ['crun', 'runc'] as const) {
    if (!installed(name)) notes.push(`${name} is not installed`);
    else
      contenders.push(
        launched(setting, `${name} run`, [...around(name), launch, name, 'run', '--bundle', bundle(setting, name, root), `bench-${name}`]),
      );
  }
  return { fast: { contenders, notes }, docker: docker(setting, launch, root) };
}

function bwrap(root: string): string[] {
  return [
    'bwrap',
    '--unshare-all',
    '--die-with-parent',
    '--cap-drop',
    'ALL',
    '--ro-bind',
    root,
    '/',
    '--proc',
    '/proc',
    '--dev',
    '/dev',
    '--tmpfs',
    '/tmp',
    '/nothing',
  ];
}

// crun refuses hosts that have cgroup v2 beside v1: there it runs where the v2 mount is hidden.
function around(name: 'crun' | 'runc'): string[] {
  if (name === 'runc' || describeMachine().cgroups !== 'hybrid') return [];
  return ['unshare', '-m', '--propagation', 'private', 'sh', '-c', 'umount /sys/fs/cgroup/unified; exec "$@"', 'sh'];
}

/** The runtime's own default configuration, with our program in it. */
function bundle(setting: Setting, name: string, root: string): string {
  const directory = join(setting.directory, name);
  mkdirSync(directory);
  execFileSync(name, ['spec'], { cwd: directory });
  const file = join(directory, 'config.json');
  const config = JSON.parse(readFileSync(file, 'utf8')) as { process: { terminal: boolean; args: string[] }; root: { path: string } };
  config.process.terminal = false;
  config.process.args = ['/nothing'];
  config.root.path = root;
  writeFileSync(file, JSON.stringify(config));
  return directory;
}

function docker(setting: Setting, launch: string, root: string): Peers {
  const image = `sock-bench-${process.pid}`;
  if (!installed('docker')) return { contenders: [], notes: ['docker is not installed'] };
  if (spawnSync('docker', ['version'], { stdio: 'ignore' }).status !== 0) return { contenders: [], notes: ['no docker daemon answers'] };
  const tree = execFileSync('tar', ['-C', root, '-c', '.'], { maxBuffer: 1 << 28 });
  execFileSync('docker', ['import', '-', image], { input: tree, stdio: ['pipe', 'ignore', 'inherit'] });
  setting.own({ close: () => void spawnSync('docker', ['rmi', image], { stdio: 'ignore' }) });
  const run = ['docker', 'run', '--rm', '--network', 'none', image, '/nothing'];
  return { contenders: [launched(setting, 'docker run', [launch, ...run])], notes: [] };
}

function installed(program: string): boolean {
  return (process.env.PATH ?? '').split(':').some((directory) => existsSync(join(directory, program)));
}
