// The kernel: who we are to it, its version, and the calls that sandboxes are made with.
import { type Finding, limited, missing, ok } from './finding.ts';
import type { Host } from './host.ts';

export function kernelChecks(host: Host): Finding[] {
  return [root(host), version(host), seccomp(host), ...calls(host)];
}

function root(host: Host): Finding {
  return host.uid === 0
    ? ok('root', 'yes')
    : missing('root', `user ${host.uid}`, 'run the worker as root (sudo); some checks below are only true for root');
}

function version(host: Host): Finding {
  const at = kernelNumber(host.kernel);
  if (at < 515) return missing('kernel', host.kernel, 'boot Linux 5.15 or newer (Debian 12, Ubuntu 22.04, and newer)');
  if (at < 519) return limited('kernel', host.kernel, 'OCI image lambdas need 5.19 (idmapped overlay layers); code packages run');
  return ok('kernel', host.kernel);
}

/** 6.1.0-13-amd64 as 601: comparable. */
function kernelNumber(release: string): number {
  const [, major = '0', minor = '0'] = /^(\d+)\.(\d+)/.exec(release) ?? [];
  return Number(major) * 100 + Number(minor);
}

function seccomp(host: Host): Finding {
  const actions = host.read('/proc/sys/kernel/seccomp/actions_avail')?.trim();
  return actions?.includes('errno')
    ? ok('seccomp', 'filters')
    : missing('seccomp', actions ?? 'no filters', 'use a kernel with CONFIG_SECCOMP_FILTER');
}

// The numbers are the same on every architecture since 5.1. Each call gets arguments that it refuses, so that nothing happens:
// ENOSYS (38) says that the kernel does not have it, and EPERM (1), to root, that a filter around us forbids it.
const callNumbers = {
  open_tree: 428,
  move_mount: 429,
  fsopen: 430,
  clone3: 435,
  openat2: 437,
  pidfd_open: 434,
  mount_setattr: 442,
} as const;
const probe = `
import ctypes, json
libc = ctypes.CDLL(None, use_errno=True)
def call(number):
    ctypes.set_errno(0)
    libc.syscall(number, -1, None, -1, None, 0)
    return ctypes.get_errno()
word = ctypes.c_void_p()
tid = libc.prctl(40, ctypes.byref(word), 0, 0, 0)
print(json.dumps({"calls": {name: call(number) for name, number in ${JSON.stringify(callNumbers)}.items()}, "tid": tid}))
`;

function calls(host: Host): Finding[] {
  const { status, stdout } = host.run(['/usr/bin/python3', '-I', '-c', probe]);
  if (status !== 0) return [limited('mount calls', 'not tried: no /usr/bin/python3', 'install python3, then look again')];
  const answer = JSON.parse(stdout) as { calls: Record<string, number>; tid: number };
  const absent = Object.keys(answer.calls).filter((name) => answer.calls[name] === 38 || (answer.calls[name] === 1 && host.uid === 0));
  return [
    absent.length === 0
      ? ok('mount calls', Object.keys(callNumbers).join(', '))
      : missing(
          'mount calls',
          `no ${absent.join(', ')}`,
          'boot a newer kernel; in a container, run it --privileged (its seccomp filter may hide them)',
        ),
    answer.tid === 0
      ? ok('thread id word', 'PR_GET_TID_ADDRESS')
      : limited(
          'thread id word',
          'no PR_GET_TID_ADDRESS',
          'a kernel with CONFIG_CHECKPOINT_RESTORE tells it; without, the guest searches for it',
        ),
  ];
}
