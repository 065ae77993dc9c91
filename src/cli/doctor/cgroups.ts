// cgroup v2: where it is mounted, which limits its controllers can enforce, and whether sandboxes can be frozen and killed as one.
import { type Finding, limited, missing, ok } from './finding.ts';
import type { Host } from './host.ts';

/** Which keys of `limits` each controller enforces. */
const limitsOf = { memory: 'mem_mb', pids: 'procs', cpu: 'cpu_percent' } as const;
const controllers = ['memory', 'pids', 'cpu'] as const;

const mountV2 = 'mount -t cgroup2 none /sys/fs/cgroup/unified, or boot with systemd.unified_cgroup_hierarchy=1';
const bootUnified = 'boot with systemd.unified_cgroup_hierarchy=1 (without systemd: cgroup_no_v1=all) on the kernel command line';

export function cgroupChecks(host: Host, enforce: 'best-effort' | 'strict'): Finding[] {
  const mount = v2Mount(host.read('/proc/mounts') ?? '');
  if (mount === undefined) return [missing('cgroup v2', 'not mounted', mountV2)];
  if (mount.options.includes('ro')) {
    return [missing('cgroup v2', `${mount.at}, read-only`, 'mount it read-write; in a container: --privileged --cgroupns=private')];
  }
  return [ok('cgroup v2', mount.at), limits(host, mount.at, enforce), handling(host, mount.at)];
}

/** The v2 mount of a /proc/mounts: /sys/fs/cgroup (unified) or /sys/fs/cgroup/unified (hybrid) before any other. */
export function v2Mount(mounts: string): { at: string; options: string[] } | undefined {
  const found = mounts
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, , type]) => type === 'cgroup2')
    .map(([, at = '', , options = '']) => ({ at, options: options.split(',') }));
  return found.find(({ at }) => at === '/sys/fs/cgroup' || at === '/sys/fs/cgroup/unified') ?? found[0];
}

function limits(host: Host, mount: string, enforce: 'best-effort' | 'strict'): Finding {
  const available = (host.read(`${mount}/cgroup.controllers`) ?? '').trim().split(/\s+/);
  const lacking = controllers.filter((name) => !available.includes(name));
  if (lacking.length === 0) return ok('cgroup limits', controllers.join(', '));
  const v1 = heldByV1(host.read('/proc/cgroups') ?? '');
  const held = lacking.filter((name) => v1.includes(name));
  const off = lacking.filter((name) => !v1.includes(name));
  const why = [held.length > 0 ? `${held.join(', ')} held by cgroup v1` : '', off.length > 0 ? `${off.join(', ')} off` : '']
    .filter(Boolean)
    .join('; ');
  const found = `${why}: limits.${lacking.map((name) => limitsOf[name]).join(', ')} not enforced by cgroups`;
  const mend = off.length === 0 ? bootUnified : `${bootUnified}; for what is off, cgroup_enable=${off.join(',')}`;
  if (enforce === 'best-effort') return limited('cgroup limits', found, mend);
  return missing('cgroup limits', found, `${mend}; or set limits.enforce to "best-effort"`);
}

/** The controllers of a /proc/cgroups that belong to a v1 hierarchy (their hierarchy is not 0). */
export function heldByV1(cgroups: string): string[] {
  return cgroups
    .split('\n')
    .map((line) => line.split('\t'))
    .filter(([name = '#', hierarchy = '0']) => !name.startsWith('#') && hierarchy !== '0')
    .map(([name = '']) => name);
}

// Both files are in every cgroup but the root one, so only a new one can tell.
function handling(host: Host, mount: string): Finding {
  const tried = host.tryDirectory(mount);
  if ('code' in tried)
    return missing('cgroup handling', `cannot make a cgroup in ${mount}: ${tried.code}`, 'run as root, in the root cgroup namespace');
  const lacking = ['cgroup.kill', 'cgroup.freeze'].filter((file) => !tried.entries.includes(file));
  return lacking.length === 0
    ? ok('cgroup handling', 'made one; it has cgroup.kill and cgroup.freeze')
    : missing('cgroup handling', `no ${lacking.join(', ')}`, 'boot Linux 5.15 or newer');
}
