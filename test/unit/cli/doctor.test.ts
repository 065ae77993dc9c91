import assert from 'node:assert/strict';
import test from 'node:test';
import type { State } from '../../../src/cli/doctor/finding.ts';
import type { Host, Ran } from '../../../src/cli/doctor/host.ts';
import { mountOf } from '../../../src/cli/doctor/storage.ts';
import { table } from '../../../src/cli/doctor/table.ts';
import { examine } from '../../../src/cli/doctor.ts';
import { parseConfig } from '../../../src/config/load.ts';

const config = parseConfig({ sandbox: 'sock', worker_dir: '/srv/worker', log_output: '/var/log/w' });
const strict = parseConfig({ sandbox: 'sock', worker_dir: '/srv/worker', limits: { enforce: 'strict' } });

test('on a machine that has everything, everything is ok and nothing need be mended', async () => {
  const findings = await examine(machine(), config);
  assert.deepEqual(
    findings.filter(({ state, mend }) => state !== 'ok' || mend !== undefined),
    [],
  );
  assert.match(table(findings, 'plain'), /\n\nThe worker can run here\.\n$/);
});

const cgroup2 = 'cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n';
const hybrid = {
  '/proc/mounts': 'cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n',
  '/sys/fs/cgroup/unified/cgroup.controllers': '\n',
  '/proc/cgroups': '#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t1\t1\t1\nmemory\t4\t1\t1\npids\t8\t1\t1\n',
};

const cases: readonly (readonly [lack: string, different: Different, name: string, state: State, says: RegExp])[] = [
  ['no root', { uid: 1000 }, 'root', 'missing', /sudo/],
  ['an old kernel', { kernel: '5.10.0-28-amd64' }, 'kernel', 'missing', /5\.15/],
  ['a kernel between', { kernel: '5.15.0' }, 'kernel', 'limited', /5\.19/],
  ['no seccomp filters', { files: { '/proc/sys/kernel/seccomp/actions_avail': undefined } }, 'seccomp', 'missing', /CONFIG_SECCOMP_FILTER/],
  [
    'a hidden mount call',
    { probe: { calls: { open_tree: 38, move_mount: 22 }, tid: 0 } },
    'mount calls',
    'missing',
    /no open_tree.*privileged/,
  ],
  ['no checkpoint/restore', { probe: { calls: {}, tid: -1 } }, 'thread id word', 'limited', /CONFIG_CHECKPOINT_RESTORE/],
  ['no cgroup v2', { files: { '/proc/mounts': 'proc /proc proc rw 0 0\n' } }, 'cgroup v2', 'missing', /mount -t cgroup2/],
  [
    'a read-only cgroup v2',
    { files: { '/proc/mounts': 'cgroup2 /sys/fs/cgroup cgroup2 ro,nosuid 0 0\n' } },
    'cgroup v2',
    'missing',
    /read-only/,
  ],
  [
    'a hybrid hierarchy',
    { files: hybrid },
    'cgroup limits',
    'limited',
    /held by cgroup v1: limits.mem_mb, procs.*unified_cgroup_hierarchy=1/,
  ],
  [
    'a memory controller that is off',
    { files: { '/sys/fs/cgroup/cgroup.controllers': 'cpu pids' } },
    'cgroup limits',
    'limited',
    /cgroup_enable=memory/,
  ],
  ['no cgroup.kill', { newDirectory: { entries: ['cgroup.freeze'] } }, 'cgroup handling', 'missing', /no cgroup\.kill/],
  [
    'namespaces switched off',
    { files: { '/proc/sys/user/max_user_namespaces': '0\n' } },
    'namespaces',
    'missing',
    /sysctl -w user\.max_user/,
  ],
  ['forbidden namespaces', { sandbox: { status: 1, stdout: '', stderr: 'unshare failed: EPERM\n' } }, 'namespaces', 'missing', /EPERM/],
  ['a covered /proc', { sandbox: ran('limit\ntmpfs\noverlay\n') }, 'fresh /proc', 'missing', /privileged/],
  [
    'a /proc/sys that is read-only',
    { sandbox: { ...ran('tmpfs\nproc\n'), stderr: 'sh: cannot create /proc/sys/user/max_user_namespaces: Read-only file system\n' } },
    '/proc/sys/user',
    'missing',
    /Read-only.*remount,rw \/proc\/sys/,
  ],
  ['no overlayfs', { sandbox: ran('limit\ntmpfs\nproc\n') }, 'overlayfs', 'limited', /modprobe overlay/],
  ['an old python', { python: ran('Python 3.8.10\n') }, 'python', 'missing', /3\.9 or newer/],
  ['an old node', { nodeVersion: '18.19.0' }, 'node', 'missing', /Node 20/],
  [
    'no huge pages',
    { files: { '/sys/kernel/mm/transparent_hugepage/enabled': 'always madvise [never]\n' } },
    'huge pages',
    'limited',
    /madvise >/,
  ],
  ['little memory', { files: { '/proc/meminfo': 'MemAvailable:  204800 kB\n' } }, 'memory', 'missing', /200 MB available/],
  ['a worker_dir that cannot be written', { newDirectory: { code: 'EROFS' } }, 'worker_dir', 'missing', /EROFS/],
  [
    'a worker_dir that lets no program run',
    { files: { '/proc/mounts': `${cgroup2}/dev/a / ext4 rw 0 0\n/dev/b /srv ext4 rw,noexec 0 0\n/dev/c /srv/workers ext4 rw 0 0\n` } },
    'worker_dir',
    'missing',
    /\/srv is mounted noexec.*remount,exec \/srv/,
  ],
  ['a log that is a directory', { append: 'EISDIR' }, 'log_output', 'missing', /\/var\/log\/w: cannot be opened: EISDIR/],
  [
    'a log in a directory that cannot be written',
    { absent: '/var/log/w', newDirectory: { code: 'EROFS' } },
    'log_output',
    'missing',
    /EROFS/,
  ],
  ['an addon that is not built', { absent: 'sock.node' }, 'addon', 'limited', /not built yet -> .*sudo .*bin\/worker.*node-gyp rebuild/],
  ['a full disk', { freeBytes: 1 << 20 }, 'worker_dir', 'limited', /1 MB free/],
  ['a taken port', { port: 'EADDRINUSE' }, 'port', 'missing', /localhost:8080 is taken/],
];
for (const [lack, different, name, state, says] of cases) {
  test(`${lack} is told as ${state}, with what to do`, async () => {
    const finding = (await examine(machine(different), config)).find((candidate) => candidate.name === name);
    assert.equal(finding?.state, state);
    assert.match(`${finding?.found} -> ${finding?.mend}`, says);
    assert.ok(finding?.mend);
  });
}

test('limits that cannot be enforced are missing when the config is strict', async () => {
  const finding = (await examine(machine({ files: hybrid }), strict)).find(({ name }) => name === 'cgroup limits');
  assert.equal(finding?.state, 'missing');
  assert.match(finding?.mend ?? '', /best-effort/);
});

test('a worker_dir that lets no program run still does for containers, with limits', async () => {
  const docker = parseConfig({ sandbox: 'docker', worker_dir: '/srv/worker', docker: { socket: '/run/d.sock' } });
  const findings = await examine(machine({ files: { '/proc/mounts': '/dev/b /srv ext4 rw,noexec 0 0\n' } }), docker);
  const finding = findings.find(({ name }) => name === 'worker_dir');
  assert.deepEqual([finding?.state, finding?.found.includes('native lambdas')], ['limited', true]);
});

test('a path lies in its innermost mount, the last of those at one place', () => {
  const mounts = 'a / x o1 0 0\nb /a\\040b x o2,noexec 0 0\nc /a x o3 0 0\nd /a x o4 0 0\ngarbage\n';
  assert.deepEqual(
    ['/', '/a', '/a/c', '/ab', '/a b/c'].map((file) => mountOf(mounts, file)?.options),
    [['o1'], ['o4'], ['o4'], ['o1'], ['o2', 'noexec']],
  );
  assert.equal(mountOf('', '/a'), undefined);
});

test('a table has colours only when asked for', async () => {
  const findings = await examine(machine({ uid: 1 }), config);
  assert.equal(table(findings, 'plain').includes('\x1b'), false);
  assert.equal(table(findings, 'colour').includes('\x1b[31mmissing\x1b[0m'), true);
  assert.match(table(findings, 'plain'), /\nThe worker cannot run here: root\.\n$/);
});

test('the engine is needed where sandboxes are its containers, and there what they are made with is its own affair', async () => {
  const docker = parseConfig({ sandbox: 'docker', worker_dir: '/srv/worker', docker: { socket: '/run/d.sock' } });
  const findings = await examine(machine({ uid: 1000, kernel: '4.19.0', engine: ran('20.10.24\n') }), docker);
  assert.deepEqual(
    findings.filter(({ state }) => state !== 'ok'),
    [],
  );
  assert.equal(findings.find(({ name }) => name === 'docker')?.found, 'engine 20.10.24 at /run/d.sock');
  for (const [said, mend] of [
    ['ENOENT', /start dockerd.*docker\.socket/],
    ['EACCES', /group docker/],
  ] as const) {
    const gone = { engine: { status: 1, stdout: `${said}\n`, stderr: '' } };
    const finding = (await examine(machine(gone), docker)).find(({ name }) => name === 'docker');
    assert.deepEqual([finding?.state, finding?.found], ['missing', `no engine at /run/d.sock: ${said}`]);
    assert.match(`${finding?.mend}`, mend);
    assert.equal((await examine(machine(gone), config)).find(({ name }) => name === 'docker')?.state, 'ok');
  }
});

interface Different {
  readonly engine?: Ran;
  readonly uid?: number;
  readonly kernel?: string;
  readonly nodeVersion?: string;
  readonly files?: Readonly<Record<string, string | undefined>>;
  readonly probe?: { readonly calls: Readonly<Record<string, number>>; readonly tid: number };
  readonly sandbox?: Ran;
  readonly python?: Ran;
  readonly newDirectory?: { entries: readonly string[] } | { code: string };
  readonly append?: string;
  /** The end of the path that is not there. */
  readonly absent?: string;
  readonly freeBytes?: number;
  readonly port?: string;
}

function machine(different: Different = {}): Host {
  const files: Readonly<Record<string, string | undefined>> = {
    '/proc/sys/kernel/seccomp/actions_avail': 'kill_process errno allow\n',
    '/proc/mounts': cgroup2,
    '/sys/fs/cgroup/cgroup.controllers': 'cpuset cpu io memory pids\n',
    '/proc/sys/user/max_user_namespaces': '1000\n',
    '/proc/meminfo': 'MemTotal: 9 kB\nMemAvailable:    8388608 kB\n',
    '/sys/kernel/mm/transparent_hugepage/enabled': 'always [madvise] never\n',
    ...different.files,
  };
  return {
    uid: different.uid ?? 0,
    kernel: different.kernel ?? '6.1.0-13-amd64',
    nodeVersion: different.nodeVersion ?? '22.1.0',
    read: (file) => files[file],
    exists: (file) => different.absent === undefined || !file.endsWith(different.absent),
    run: ([program, flag, , last]) => {
      if (last?.endsWith('.sock')) return different.engine ?? ran('27.0.1\n');
      if (program === 'unshare') return different.sandbox ?? ran('limit\ntmpfs\noverlay\nproc\n');
      if (program !== '/usr/bin/python3') return ran('c++ 12.2.0\n');
      return flag === '--version'
        ? (different.python ?? ran('Python 3.11.2\n'))
        : ran(JSON.stringify(different.probe ?? { calls: {}, tid: 0 }));
    },
    tryDirectory: () => different.newDirectory ?? { entries: ['cgroup.kill', 'cgroup.freeze'] },
    tryAppend: () => different.append,
    realPath: (path) => path,
    freeBytes: () => different.freeBytes ?? 1e11,
    tryPort: async () => different.port,
  };
}

function ran(stdout: string): Ran {
  return { status: 0, stdout, stderr: '' };
}
