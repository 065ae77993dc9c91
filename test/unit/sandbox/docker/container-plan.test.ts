import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ContainerPlan, createBody } from '../../../../src/sandbox/docker/container-plan.ts';

const plan: ContainerPlan = {
  image: 'some/image:1',
  argv: ['/program', 'argument'],
  environment: ['A=b'],
  directory: '/',
  binds: [
    ['/srv/line', '/line'],
    ['/srv/code', '/handler'],
  ],
  volumes: ['/data'],
  limits: { memoryBytes: 50 << 20, swapBytes: 0, processes: 10, cpuPercent: 150, tmpBytes: 64 << 20 },
  uid: 2_000_000_000,
  runtime: '',
  labels: { 'sock-worker.lambda': 'a' },
};

interface Body {
  readonly User: string;
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly HostConfig: {
    readonly Tmpfs: Readonly<Record<string, string>>;
    readonly Mounts: readonly { readonly Target: string; readonly ReadOnly: boolean }[];
    readonly [key: string]: unknown;
  };
  readonly [key: string]: unknown;
}
const bodyOf = (changes: Partial<ContainerPlan> = {}) => createBody({ ...plan, ...changes }) as Body;

test('a container has no privilege, no network, and nothing that it can write to but its own', () => {
  const { User, HostConfig } = bodyOf();
  const { NetworkMode, CapDrop, SecurityOpt, ReadonlyRootfs, IpcMode, Privileged, Binds, Mounts } = HostConfig;
  assert.deepEqual([User, NetworkMode, CapDrop, SecurityOpt], ['2000000000:2000000000', 'none', ['ALL'], ['no-new-privileges']]);
  assert.deepEqual([ReadonlyRootfs, IpcMode, Privileged, Binds], [true, 'private', undefined, undefined]);
  assert.deepEqual(
    Mounts.map(({ Target, ReadOnly }) => [Target, ReadOnly]),
    [
      ['/line', true],
      ['/handler', true],
    ],
  );
});

test('it is held to its limits, and so is each tmpfs, which a volume of the image becomes, too', () => {
  const { Memory, MemorySwap, PidsLimit, CpuPeriod, CpuQuota, ShmSize, Tmpfs } = bodyOf().HostConfig;
  assert.deepEqual([Memory, MemorySwap, PidsLimit], [50 << 20, 50 << 20, 10]);
  assert.equal(Number(CpuQuota) / Number(CpuPeriod), 1.5);
  assert.equal(ShmSize, 64 << 20);
  assert.deepEqual(Object.keys(Tmpfs), ['/tmp', '/host', '/data']);
  for (const options of Object.values(Tmpfs)) assert.match(options, /nosuid,nodev,size=67108864,nr_inodes=16384,mode=1777,uid=2000000000,/);
  assert.equal(bodyOf({ limits: { ...plan.limits, swapBytes: 1 << 20 } }).HostConfig.MemorySwap, 51 << 20);
  assert.deepEqual(Object.keys(bodyOf({ volumes: ['/handler', '/tmp'] }).HostConfig.Tmpfs), ['/tmp', '/host']);
});

test('it runs what it is told to, whatever the image says, and else what the image says', () => {
  const told = bodyOf();
  assert.deepEqual([told.Entrypoint, told.Cmd, told.WorkingDir], [['/program', 'argument'], [], '/']);
  const own = bodyOf({ argv: undefined, directory: '' });
  assert.deepEqual([own.Entrypoint, own.Cmd, 'WorkingDir' in own], [undefined, undefined, false]);
});

test('the OCI runtime is the one that was asked for', () => {
  assert.equal('Runtime' in bodyOf().HostConfig, false);
  assert.equal(bodyOf({ runtime: 'runsc' }).HostConfig.Runtime, 'runsc');
});
