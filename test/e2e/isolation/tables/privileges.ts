// Who a lambda is, and every way to become more.
import assert from 'node:assert/strict';
import { type Attempt, gives, type Outcome, reaches, refused, type Table, works } from '../attempts.ts';

const noCapability = ['0000000000000000'];

function powerless({ value }: Outcome): void {
  const status = value as Record<string, string[]>;
  for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) assert.deepEqual(status[set], noCapability, set);
  for (const ids of [status.Uid, status.Gid]) {
    assert.equal(new Set(ids).size, 1, 'real, effective, saved and file system id are one');
    assert.ok(Number(ids?.[0]) >= 1000);
  }
  assert.deepEqual(status.Groups, []);
  assert.deepEqual(status.NoNewPrivs, ['1']);
  assert.deepEqual(status.Seccomp, ['2']);
  assert.deepEqual(status.Seccomp_filters, ['2']);
}

function powerful({ value }: Outcome): void {
  const status = value as Record<string, string[]>;
  assert.deepEqual(status.Uid, ['0', '0', '0', '0']);
  assert.notDeepEqual(status.CapEff, noCapability);
  assert.notDeepEqual(status.CapBnd, noCapability);
  assert.deepEqual(status.Seccomp, ['0']);
}

const alreadyRaised = 'what root gets is not limited to begin with, or not by this';

const attempts: Attempt[] = [
  { attack: 'identity_own', what: 'have a privilege: ids, capability sets, no_new_privs, seccomp', inside: powerless, control: powerful },
  { attack: 'identity_of_the_first', what: 'have a privilege in its first process', inside: powerless, control: powerful },
  ...refused('EPERM', {
    setuid_root: 'become root by setuid',
    setgid_root: 'join the group root by setgid',
    setresuid_root: 'become root by setresuid',
    setreuid_root: 'become root by setreuid',
    setgroups_root: 'join supplementary groups',
    ambient_capability: 'raise an ambient capability',
  }),
  { attack: 'setfsuid_root', what: 'become root for the file system', inside: gives(false), control: gives(true) },
  ...refused('EPERM', { capset_all: 'give itself capabilities' }, 'no one may raise what is not permitted, root has all already'),
  ...refused('EPERM', {
    prctl_SET_PDEATHSIG: 'outlive the worker by PR_SET_PDEATHSIG',
    prctl_SET_KEEPCAPS: 'keep capabilities over a change of ids',
    prctl_CAPBSET_DROP: 'change its bounding set',
    prctl_SET_SECUREBITS: 'change its securebits',
    prctl_CAP_AMBIENT: 'use PR_CAP_AMBIENT',
  }),
  ...refused('EPERM', { prctl_SET_PTRACER: 'name a tracer' }, reaches),
  ...refused(
    'EPERM',
    { prctl_SET_MM: 'rewrite its memory map by PR_SET_MM' },
    'root needs CAP_SYS_RESOURCE for it, which virtual machines may lack',
  ),
  ...refused('EPERM', { seccomp_of_its_own: 'call seccomp' }, reaches),
  { attack: 'setuid_program', what: 'gain from a setuid program', inside: unchanged, control: gives({ euid: 0 }) },
  ...refused(
    'EPERM',
    { raise_limit_NOFILE: 'raise its limit of descriptors', raise_limit_CORE: 'raise its limit of core dumps' },
    alreadyRaised,
  ),
  ...refused('EPERM', { raise_limit_MEMLOCK: 'raise its limit of locked memory' }, alreadyRaised),
  ...refused('EPERM', { raise_limit_MSGQUEUE: 'raise its limit of message queues' }, alreadyRaised),
  ...refused('EACCES EPERM', { raise_priority: 'raise its priority' }),
  ...refused('EPERM', { realtime_priority: 'take a real-time priority' }),
  ...refused('EPERM', { realtime_io: 'take a real-time io priority' }),
  ...refused('ENOMEM EPERM', { lock_memory: 'lock 16 MiB of memory' }),
  ...refused('EROFS EACCES', { lower_oom_score: 'lower its oom score' }),
  { attack: 'oom_score', what: 'be the last that the OOM killer takes', inside: gives(500), control: works },
  { attack: 'dump_core', what: 'leave a core dump', inside: gives(false), control: 'where the core of a host goes is its own affair' },
];

function unchanged(outcome: Outcome): void {
  assert.ok(outcome.errno === 'ENOENT' || Number((outcome.value as { euid?: number }).euid) >= 1000, JSON.stringify(outcome));
}

export const privileges: Table = { group: 'privileges', attempts };
