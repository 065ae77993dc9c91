// What a registry is asked for, and what comes of it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ErrorCode } from '../../../src/errors.ts';
import type { Resolved } from '../../../src/registry/registry.ts';
import type { Rig } from './rig.ts';

export const code = (text: string) => ({ name: 'f.py', content: text });

export function fails(registry: Rig['registry'], name: string, expected: ErrorCode): Promise<void> {
  return assert.rejects(async () => registry.resolve(name), { code: expected });
}

/** The result, which must be there at once. */
export function now(resolved: Resolved | Promise<Resolved>): Resolved {
  assert(!(resolved instanceof Promise), 'took a turn of the event loop');
  return resolved;
}

export const content = (resolved: Resolved) => readFileSync(join(resolved.dir, 'f.py'), 'utf8');
