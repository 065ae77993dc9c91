// What lambda/ needs of a registry, wherever its code comes from.
import type { Resolved } from './registry.ts';

export interface CodeRegistry {
  /**
   * Code of a lambda; `known` itself when nothing is new, another object with the same digest when only the stamp is. It stays in the store as long as
   * it is the lambda's newest, or retained: retain it before giving up control. Throws or rejects with WorkerError lambda-name, lambda-unknown,
   * code-invalid or registry-unavailable; the last says nothing about code that is known.
   */
  resolve(name: string, known?: Resolved): Resolved | Promise<Resolved>;
}
