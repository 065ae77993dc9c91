// The file system: nothing of the host but its /usr, nothing that can be written but the sandbox's own scratch.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Attempt, gives, type Outcome, reaches, refused, type Table, works, worksIfThere } from '../attempts.ts';

const list = ({ value }: Outcome): string[] => value as string[];
const some = (outcome: Outcome): void => assert.ok(list(outcome).length > 0, JSON.stringify(outcome));
const ownDevices = ['fd', 'full', 'null', 'random', 'shm', 'stderr', 'stdin', 'stdout', 'urandom', 'zero'];
const named = (attack: string, what: string, suffixes: string): Record<string, string> =>
  Object.fromEntries(suffixes.split(' ').map((suffix) => [`${attack}_${suffix}`, `${what} (${suffix})`]));
const onlyInside = 'the path is there in sandboxes only';

const attempts: Attempt[] = [
  {
    attack: 'read_secrets',
    what: "read the host's files: shadow, other lambdas, config, registry, worker_dir",
    inside: gives([]),
    control: some,
  },
  { attack: 'look_around', what: "find anything in the host's directories", inside: gives([]), control: some },
  { attack: 'writable_mounts', what: 'write to a mount but its scratch', inside: gives(['/private']), control: some },
  { attack: 'mounts_without_nosuid', what: 'use setuid files on a mount', inside: gives([]), control: some },
  { attack: 'mounts_with_devices', what: 'use devices but those of /dev', inside: devicesOnly, control: some },
  {
    attack: 'writable_or_special_files',
    what: 'find a file to write, a socket or a pipe outside its scratch',
    inside: ownNodes,
    control: some,
  },
  ...refused('EROFS EACCES', named('create', 'make a file', 'usr etc')),
  ...refused('EROFS EACCES', named('create', 'make a file', 'root handler runtime packages rehearsal dev var run private'), onlyInside),
  ...refused('EROFS EACCES', named('open_for_writing', 'write to a file of the root', 'program library accounts'), worksIfThere),
  ...refused('EROFS EACCES ETXTBSY', named('open_for_writing', 'write to its interpreter', 'interpreter'), reaches),
  ...refused('EROFS EACCES', named('open_for_writing', 'write to its code', 'code runtime preloaded'), onlyInside),
  ...refused('EACCES', { write_by_mapping: 'write through the page cache of a file opened for reading' }, 'the rule is the same for root'),
  ...refused('EROFS EPERM EACCES', named('change', 'change a file', 'mode owner times attribute name gone'), 'it would change the host'),
  ...refused('EXDEV EPERM', { link_a_host_file: 'link a file of the host into its scratch' }, 'it would change the host'),
  ...refused(
    'EROFS EACCES EPERM ENOENT',
    named(
      'open_proc_for_writing',
      'write to a file of /proc',
      'hostname core_pattern modprobe panic drop_caches forward ping message_queues shared_memory sysrq oom uid_map setgroups memory coredump timer_slack next_pid',
    ),
    worksIfThere,
  ),
  ...Object.entries(named('read_masked', 'read what is masked in /proc', 'memory keys timers messages interrupts')).map(
    ([attack, what]): Attempt => ({ attack, what, inside: nothing, control: worksIfThere }),
  ),
  {
    attack: 'devices',
    what: 'see other devices',
    inside: gives(ownDevices),
    control: (o) => assert.ok(list(o).length > ownDevices.length),
  },
  ...refused(
    'ENOENT',
    named('open_device', 'open a device', 'mem kmsg fuse net_tun kvm ptmx port loop-control userfaultfd vsock hwrng'),
    worksIfThere,
  ),
  { attack: 'any_block_device', what: 'open a block device', inside: gives([]), control: works },
  { attack: 'cgroup_tree', what: 'see a cgroup tree', inside: gives([]), control: some },
];

function devicesOnly(outcome: Outcome): void {
  for (const point of list(outcome)) assert.match(point, /^\/(dev$|proc\/)/);
}

// The device nodes of /dev, the masks over files of /proc aside.
function ownNodes(outcome: Outcome): void {
  assert.deepEqual(outcome, { value: ['full', 'null', 'random', 'urandom', 'zero'].map((name) => `/dev/${name}`) });
}

function nothing(outcome: Outcome): void {
  if (outcome.errno === undefined) gives(0)(outcome);
  else assert.ok(['ENOENT', 'EACCES', 'EPERM'].includes(outcome.errno), JSON.stringify(outcome));
}

export const files: Table = {
  group: 'files',
  attempts,
  given: (worker) => {
    worker.addLambda('other', 'def f(event): return "the other"');
    writeFileSync(join(worker.dir, 'secret'), 'a secret of the host', { mode: 0o644 });
    const { dir, registry, workerDir } = worker;
    const paths = [
      dir,
      registry,
      workerDir,
      join(dir, 'secret'),
      join(dir, 'config.json'),
      join(registry, 'other.py'),
      join(workerDir, 'store'),
    ];
    return {
      secrets: ['/etc/shadow', '/etc/hostname.real', `/proc/${worker.pid}/environ`, `/proc/${worker.pid}/root/etc/shadow`, ...paths],
    };
  },
};
