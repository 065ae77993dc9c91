// Memory: enough of it, and huge pages, with which a fork copies fewer page tables.
import { type Finding, limited, missing, ok } from './finding.ts';
import type { Host } from './host.ts';

/** What the worker, its first zygote and its standbys take before the first lambda. */
const workerMb = 250;

export function memoryChecks(host: Host, sandboxMb: number): Finding[] {
  return [available(host, sandboxMb), hugePages(host)];
}

function available(host: Host, sandboxMb: number): Finding {
  const [, kb = '0'] = /^MemAvailable:\s+(\d+) kB/m.exec(host.read('/proc/meminfo') ?? '') ?? [];
  const mb = Math.floor(Number(kb) / 1024);
  const found = `${mb} MB available`;
  if (mb < workerMb + sandboxMb)
    return missing('memory', found, `free some: the worker and one sandbox need about ${workerMb + sandboxMb} MB`);
  const few = 4;
  if (mb < workerMb + few * sandboxMb)
    return limited('memory', found, `enough for fewer than ${few} sandboxes of limits.mem_mb (${sandboxMb} MB)`);
  return ok('memory', found);
}

function hugePages(host: Host): Finding {
  const file = '/sys/kernel/mm/transparent_hugepage/enabled';
  const mode = /\[(\w+)\]/.exec(host.read(file) ?? '')?.[1] ?? 'not in this kernel';
  if (mode === 'always' || mode === 'madvise') return ok('huge pages', mode);
  return limited('huge pages', mode, `echo madvise > ${file}; without, forking a big zygote is slower`);
}
