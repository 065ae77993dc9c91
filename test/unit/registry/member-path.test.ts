// The rules for names and links, tried with random packages: whatever is accepted stays inside.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readlinkSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { defaultLimits } from '../../../src/registry/limits.ts';
import { memberPath } from '../../../src/registry/member-path.ts';
import { PackageWriter } from '../../../src/registry/package-writer.ts';
import { Refusal } from '../../../src/registry/refusal.ts';
import { scratch } from './rig.ts';

const component = fc.constantFrom('a', 'b', 'c', '.', '..', '');
const path = fc.array(component, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('/'));
const anything = fc.record({ name: path, type: fc.constantFrom('file', 'directory', 'symlink', 'link'), target: path });
/** Pieces of the usual escapes, often enough to meet each other. */
const suspect = fc.record({
  name: fc.constantFrom('a/b/c', 'b', 'b/a'),
  type: fc.constantFrom('symlink', 'file'),
  target: fc.constantFrom('..', '../..', 'a/b/c', 'a/b/c/..', 'b/..'),
});
const member = fc.oneof(anything, suspect);

test('a path that is accepted is relative and has no "..", "." or empty component', () => {
  fc.assert(
    fc.property(fc.oneof(path, fc.string(), fc.string({ unit: 'binary' })), (name) => {
      const accepted = unlessRefused(() => memberPath(name, defaultLimits));
      if (accepted === undefined || accepted === '') return;
      for (const part of accepted.split('/')) assert(part !== '' && part !== '.' && part !== '..');
      assert.equal(memberPath(accepted, defaultLimits), accepted);
    }),
  );
});

test('whatever members are written, and in whatever order, nothing leaves the package and no link leads out of it', (t) => {
  const base = scratch(t);
  let round = 0;
  fc.assert(
    fc.property(fc.array(member, { maxLength: 12 }), (members) => {
      round += 1;
      const root = join(realpathSync(base), `${round}`);
      mkdirSync(root);
      const writer = new PackageWriter(root, defaultLimits);
      for (const { name, type, target } of members) unlessRefused(() => add(writer, memberPath(name, defaultLimits), type, target));
      for (const link of linksBelow(root)) {
        const real = realpath(link);
        assert(real === undefined || real === root || real.startsWith(`${root}/`), `${link} -> ${readlinkSync(link)} leads to ${real}`);
      }
    }),
    { numRuns: 1000 },
  );
  assert.deepEqual(readdirSync(base).length, round);
});

function add(writer: PackageWriter, path: string, type: string, target: string): void {
  if (type === 'directory') writer.directory(path);
  else if (type === 'symlink') writer.symlink(path, target);
  else if (type === 'link') writer.hardlink(path, memberPath(target, defaultLimits));
  else {
    writer.file(path, { executable: false, mtime: 0 });
    writer.endFile();
  }
}

function unlessRefused<T>(attempt: () => T): T | undefined {
  try {
    return attempt();
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

/** Without following any: readdir's own recursion does. */
function linksBelow(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name);
    if (entry.isSymbolicLink()) return [path];
    return entry.isDirectory() ? linksBelow(path) : [];
  });
}

/** Undefined for what leads nowhere or in circles. The kernel's answer: Node's own takes "link/.." for nothing. */
function realpath(link: string): string | undefined {
  try {
    return realpathSync.native(link);
  } catch {
    return undefined;
  }
}
