// A sandbox in small, made by util-linux: all namespaces at once, and inside them the mounts that a real one needs.
// It is the kernel that answers, so whatever forbids it (sysctl, container, LSM) shows.
import { type Finding, limited, missing, ok } from './finding.ts';
import type { Host } from './host.ts';

const inside = `
echo 0 > /proc/sys/user/max_user_namespaces && echo limit
mount -t tmpfs -o size=1m tmpfs /tmp && echo tmpfs
mkdir /tmp/lower /tmp/upper /tmp/work /tmp/merged
mount -t overlay -o lowerdir=/tmp/lower,upperdir=/tmp/upper,workdir=/tmp/work overlay /tmp/merged && echo overlay
mount -t proc proc /proc && echo proc
true
`;
const unshare = ['unshare', '--user', '--map-root-user', '--mount', '--pid', '--fork', '--ipc', '--uts', '--cgroup', '--net'] as const;

export function sandboxChecks(host: Host): Finding[] {
  const forbidden = namespaceLimits(host);
  if (forbidden !== undefined) return [forbidden];
  const { status, stdout, stderr } = host.run([...unshare, 'sh', '-c', inside]);
  if (status === undefined) return [limited('namespaces', 'not tried: no unshare program', 'install util-linux, then look again')];
  if (status !== 0) {
    return [
      missing(
        'namespaces',
        oneLine(stderr),
        'lift what forbids them: a container (run it --privileged), an LSM, or sysctl user.max_*_namespaces',
      ),
    ];
  }
  const could = stdout.split('\n');
  return [
    ok('namespaces', 'user, mount, pid, ipc, uts, cgroup, net'),
    could.includes('limit')
      ? ok('/proc/sys/user', 'can be written')
      : missing(
          '/proc/sys/user',
          oneLine(stderr),
          'mount -o remount,rw /proc/sys (each sandbox has its user namespaces limited there); in a container, run it --privileged',
        ),
    could.includes('tmpfs') ? ok('tmpfs', 'mounted one') : missing('tmpfs', oneLine(stderr), 'use a kernel with CONFIG_TMPFS'),
    could.includes('proc')
      ? ok('fresh /proc', 'mounted one')
      : missing(
          'fresh /proc',
          oneLine(stderr),
          'unmount what covers parts of /proc (grep " /proc/" /proc/mounts); a container hides them: run it --privileged',
        ),
    could.includes('overlay')
      ? ok('overlayfs', 'mounted one')
      : limited('overlayfs', oneLine(stderr), 'modprobe overlay; only OCI image lambdas need it'),
  ];
}

const kinds = ['user', 'mnt', 'pid', 'ipc', 'uts', 'cgroup', 'net'] as const;

function namespaceLimits(host: Host): Finding | undefined {
  const none = kinds.filter((kind) => host.read(`/proc/sys/user/max_${kind}_namespaces`)?.trim() === '0');
  if (none.length === 0) return undefined;
  const mend = `sysctl -w ${none.map((kind) => `user.max_${kind}_namespaces=10000`).join(' ')}`;
  return missing('namespaces', `switched off: ${none.join(', ')}`, mend);
}

function oneLine(stderr: string): string {
  return stderr.trim().split('\n').join('; ') || 'failed without a word';
}
