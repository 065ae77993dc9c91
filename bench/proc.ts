// Counters that the kernel keeps of processes.
import { readdirSync, readFileSync } from 'node:fs';

export interface Counters {
  /** Minor page faults of the whole process. */
  readonly faults: number;
  /** Context switches, voluntary and not, of all its threads. */
  readonly switches: number;
}

export function counters(pid: number): Counters {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' '); // from the third on: the name before may hold anything
  let switches = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const status = readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8');
    for (const [, count] of status.matchAll(/ctxt_switches:\s+(\d+)/g)) switches += Number(count);
  }
  return { faults: Number(fields[7]), switches };
}
