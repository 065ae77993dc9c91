// Images: unpacking a real layer, beside GNU tar with gzip, and several layers at once.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { layerLimits } from '../../src/registry/layers/layer-limits.ts';
import { UnpackPool } from '../../src/registry/unpack-pool.ts';
import type { Case, Setting } from '../case.ts';
import { Helper } from '../helper.ts';
import { type Contender, interleave } from '../interleave.ts';
import type { CaseResult, Series } from '../result.ts';
import { median } from '../statistics.ts';

const leastBytes = 110 << 20;
const mostBytes = 180 << 20;
const leastEntries = 5_500;
const several = 4;

interface Layer {
  readonly blob: string;
  readonly diffId: string;
  readonly bytes: number;
  readonly entries: number;
}

export const images: Case = {
  title: 'unpacking layers of images',
  async run(setting): Promise<CaseResult> {
    const layer = await realLayer(setting);
    const [tarWall, ownWall]: [number[], number[]] = [[], []];
    const [one, all] = [setting.own(new UnpackPool({ threads: 1 })), setting.own(new UnpackPool({ threads: availableParallelism() }))];
    const usage = setting.own(new Helper([setting.compile('usage')]));
    const tar: Contender = {
      name: 'tar -xzf: processor time',
      sample: () =>
        into(setting, async (dir) => {
          const { ns = [], phases } = await usage.ask(`tar --numeric-owner -xpzf ${layer.blob} -C ${dir}`);
          tarWall.push((phases?.wall ?? Number.NaN) / 1000);
          return ns.map((each) => each / 1000);
        }),
    };
    const own: Contender = {
      name: 'a layer: processor time',
      sample: async () => {
        const { cpu, wall } = await unpacking(setting, one, layer, 1);
        ownWall.push(wall);
        return [cpu];
      },
    };
    const busy: number[] = [];
    const atOnce = (name: string, pool: UnpackPool): Contender => ({
      name,
      sample: async () => {
        const { cpu, wall } = await unpacking(setting, pool, layer, several);
        if (pool === all) busy.push(cpu / wall / availableParallelism());
        return [wall];
      },
    });
    const turns = { rounds: setting.rounds(20), warmUp: 1, unit: 'us' } as const;
    const cpu = await interleave([tar, own], turns);
    const wall: Series[] = [
      { name: 'tar -xzf: wall', unit: 'us', samples: tarWall.slice(1) },
      { name: 'a layer: wall', unit: 'us', samples: ownWall.slice(1) },
    ];
    const threads = await interleave(
      [atOnce(`${several} layers, one thread: wall`, one), atOnce(`${several} layers at once: wall`, all)],
      turns,
    );
    const [tarUs = 0, ownUs = 0] = cpu.map(({ samples }) => median(samples));
    return {
      series: [...cpu, ...wall, ...threads],
      baseline: tar.name,
      targets: [
        { text: 'processor time, a layer / tar -xzf', value: ownUs / tarUs, sense: 'at most', limit: 1.2 },
        { text: `${several} layers at once: share of the processors in use`, value: median(busy.slice(1)), sense: 'at least', limit: 0.8 },
      ],
      notes: [
        `the layer: ${Math.round(layer.bytes / (1 << 20))} MiB in ${layer.entries} entries, ${Math.round(statSync(layer.blob).size / (1 << 20))} MiB packed; its digest is verified, which tar does not do`,
        'decompression has a thread of its own, so one layer alone uses more than one processor',
      ],
    };
  },
};

/** Directories of this machine, until there is enough: Python's first. */
async function realLayer(setting: Setting): Promise<Layer> {
  const below = (dir: string) =>
    readdirSync(join('/', dir))
      .sort()
      .map((name) => join(dir, name));
  const candidates = [...below('usr/lib').filter((path) => /\/python3[.\d]*$/.test(path)), ...below('usr/share')];
  const chosen: string[] = [];
  let [bytes, entries] = [0, 0];
  for (const path of candidates) {
    if (bytes >= leastBytes && entries >= leastEntries) break;
    const measured = (option: string) => Number.parseInt(execFileSync('du', ['-s', option, join('/', path)], { encoding: 'utf8' }), 10);
    const size = measured('-b');
    if (bytes + size > mostBytes) continue;
    bytes += size;
    entries += measured('--inodes');
    chosen.push(path);
  }
  if (bytes < leastBytes || entries < leastEntries) throw new Error('make a layer: /usr has too few files on this machine');
  const blob = join(setting.directory, 'layer.tar.gz');
  execFileSync('tar', ['-czf', blob, '--numeric-owner', '-C', '/', ...chosen], { stdio: ['ignore', 'ignore', 'inherit'] });
  const hash = createHash('sha256');
  await pipeline(createReadStream(blob), createGunzip(), hash);
  return { blob, diffId: `sha256:${hash.digest('hex')}`, bytes, entries };
}

/** Microseconds. Of the processor, all threads of this process: it does nothing else meanwhile. */
async function unpacking(setting: Setting, pool: UnpackPool, layer: Layer, times: number): Promise<{ cpu: number; wall: number }> {
  return into(setting, async (dir) => {
    const dirs = Array.from({ length: times }, () => mkdtempSync(join(dir, 'layer-')));
    const [from, used] = [performance.now(), process.cpuUsage()];
    const outcomes = await Promise.all(dirs.map((each) => pool.unpackLayer({ ...layer, into: each, limits: layerLimits })));
    const { user, system } = process.cpuUsage(used);
    const wall = (performance.now() - from) * 1000;
    for (const outcome of outcomes) {
      if (outcome.at !== 'unpacked') throw new Error(outcome.detail);
      if (outcome.entries < leastEntries) throw new Error(`${outcome.entries} entries were unpacked`);
    }
    return { cpu: user + system, wall };
  });
}

/** With an empty directory, which is removed again, outside of what `use` measures. */
async function into<T>(setting: Setting, use: (dir: string) => Promise<T>): Promise<T> {
  const dir = mkdtempSync(join(setting.directory, 'into-'));
  try {
    return await use(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
