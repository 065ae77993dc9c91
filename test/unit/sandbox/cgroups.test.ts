import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cgroup2Mount } from '../../../src/sandbox/sock/cgroups.ts';

const table: readonly (readonly [means: string, mounts: string, expected: string | undefined])[] = [
  ['unified', 'proc /proc proc rw 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n', '/sys/fs/cgroup'],
  [
    'hybrid',
    'tmpfs /sys/fs/cgroup tmpfs rw 0 0\ncgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n',
    '/sys/fs/cgroup/unified',
  ],
  ['cgroup v1 only', 'cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n', undefined],
  ['mounted twice: the first', 'a /one cgroup2 rw 0 0\nb /two cgroup2 rw 0 0\n', '/one'],
  ['the type counts, not the name of the device', 'cgroup2 /mnt tmpfs rw 0 0\n', undefined],
  ['nothing', '', undefined],
];

for (const [means, mounts, expected] of table) {
  test(`cgroup v2 in a mount table: ${means}`, () => assert.equal(cgroup2Mount(mounts), expected));
}
