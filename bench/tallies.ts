// What is counted in the system calls of a start.
import type { SystemCall } from './trace.ts';

export interface Window {
  /** CLOCK_REALTIME, ns. */
  readonly from: number;
  readonly to: number;
}

/** Whose calls are whose: what is neither the worker's nor the zygote's is a child's. */
export interface Who {
  readonly worker: ReadonlySet<number>;
  readonly zygote: number;
}

export type Tally = readonly [text: string, tally: (calls: readonly SystemCall[]) => number, limit?: number];

export function within(calls: readonly SystemCall[], { from, to }: Window): SystemCall[] {
  return calls.filter(({ at }) => at >= from && at < to);
}

/** Between a request and its reply. `forks`: how many there have to be. */
export function tallies(who: Who, forks: number): Tally[] {
  const { byWorker, byZygote, byChild } = by(who);
  return [
    ['system calls of the worker', number(byWorker)],
    ['system calls of the zygote', number(byZygote)],
    ['system calls of the child', number(byChild)],
    ['mount calls of the child', number((call) => byChild(call) && /mount|pivot_root/.test(call.name))],
    ['processes forked', number(forksProcess), forks],
    ['namespaces made', (calls) => namespaces(calls, /\bCLONE_NEW[A-Z]+/g), 5 * forks],
    ['network namespaces made', (calls) => namespaces(calls, /\bCLONE_NEWNET\b/g), 0],
    ['umounts by the worker', number((call) => byWorker(call) && call.name.startsWith('umount')), 0],
  ];
}

/** With all that happens before and after. */
export function wholeTallies(who: Who): Tally[] {
  const { byWorker, byZygote, byChild } = by(who);
  return [
    ['system calls of the worker', number(byWorker)],
    ['system calls of the zygote', number(byZygote)],
    ['system calls of children', number(byChild)],
    ['processes forked', number(forksProcess)],
    ['network namespaces made', (calls) => namespaces(calls, /\bCLONE_NEWNET\b/g)],
    ['writes to cgroup.procs', number((call) => call.name.startsWith('write') && /^\d+<[^>]*cgroup\.procs>/.test(call.text)), 0],
  ];
}

function by({ worker, zygote }: Who) {
  const byWorker = ({ pid }: SystemCall): boolean => worker.has(pid);
  const byZygote = ({ pid }: SystemCall): boolean => pid === zygote;
  return { byWorker, byZygote, byChild: (call: SystemCall): boolean => !byWorker(call) && !byZygote(call) };
}

function number(keep: (call: SystemCall) => boolean): (calls: readonly SystemCall[]) => number {
  return (calls) => calls.filter(keep).length;
}

function forksProcess({ name, text }: SystemCall): boolean {
  return /^(clone3?|v?fork)$/.test(name) && !/\bCLONE_THREAD\b/.test(text);
}

// setns enters a namespace that is there already.
function namespaces(calls: readonly SystemCall[], kind: RegExp): number {
  let made = 0;
  for (const { name, text } of calls) if (name === 'unshare' || /^clone3?$/.test(name)) made += text.match(kind)?.length ?? 0;
  return made;
}
