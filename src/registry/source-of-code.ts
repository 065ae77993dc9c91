// What lambda/ needs of a registry, wherever its code comes from.
import type { WorkerError } from '../errors.ts';
import type { Code } from '../sandbox/sandbox.ts';
import type { Resolved } from './registry.ts';

/** Keeps what is in use on the node: until as many release(). */
export interface Holder {
  retain(code: Code): void;
  release(code: Code): void;
}

export interface CodeRegistry {
  /**
   * Code of a lambda; `known` itself when nothing is new, another object with the same digest when only the stamp is. It stays in the store as long as
   * it is the lambda's newest, or retained: retain it before giving up control. Throws or rejects with WorkerError lambda-name, lambda-unknown,
   * code-invalid, store-failed or registry-unavailable; the last two say nothing about code that is known: see isPassing().
   */
  resolve(name: string, known?: Resolved): Resolved | Promise<Resolved>;
}

/** Whether what a look came to says nothing about the code: what is on the node goes on. */
export function isPassing({ code }: WorkerError): boolean {
  return code === 'registry-unavailable' || code === 'store-failed';
}

/** One that keeps on the node what it has given. */
export interface KeptRegistry extends CodeRegistry, Holder {
  /** Whether the node has it. */
  has(name: string): boolean;
  /** Before the store. */
  close(): Promise<void>;
}
