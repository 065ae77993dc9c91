// Whether code has something to call, told when it is brought instead of by its first call. Used where packages are put into a registry.
import { allRuntimes } from '../runtime/runtimes.ts';
import { RuntimeChoice } from './runtime-choice.ts';
import type { SandboxSpec } from './sandbox.ts';
import { packageRoot } from './sock/native.ts';

/** Throws code-invalid, as a call would. */
export type EntryCheck = (dir: string, call: Pick<SandboxSpec, 'entry' | 'concurrency'>) => void;

export function entryCheck(): EntryCheck {
  const choice = new RuntimeChoice(allRuntimes({ packageRoot: packageRoot(), base: '/', node: process.execPath, memoryBytes: 0 }));
  return (dir, { entry, concurrency }) => void choice.of({ code: { digest: '', dir }, entry, concurrency });
}
