// Lambdas of other languages that execute the Python of an attack: their sandboxes are made on another path, by a launcher that executes a program.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Worker } from '../worker.ts';

const command = ['/usr/bin/python3', '-I', '/handler/f.py', 'control'] as const;
// Node hands its channel on, which it keeps from its children otherwise.
const node = `import { spawnSync } from 'node:child_process';
const [program, ...args] = ${JSON.stringify(command)};
export function f(event) {
  const { stdout, stderr } = spawnSync(program, args, { input: JSON.stringify(event), stdio: ['pipe', 'pipe', 'pipe', 3] });
  if (stdout.length === 0) throw new Error(stderr.toString());
  return JSON.parse(stdout);
}
`;
const entries = { node: ['f.mjs', node], native: ['f.bin', `#!/bin/sh\nexec ${command.join(' ')}\n`] } as const;

export type OtherLanguage = keyof typeof entries;
/** None in the emulated machine: it is slow, and they differ in nothing that depends on the kernel. */
export const otherLanguages: readonly OtherLanguage[] = process.env.SUITE_PREFIX === 'vm-' ? [] : ['node', 'native'];

/** `source`: Python, as attempts.ts makes it. */
export function addAttacker(worker: Worker, lambda: string, language: OtherLanguage, source: string): void {
  const [file, text] = entries[language];
  const dir = join(worker.registry, lambda);
  mkdirSync(dir);
  writeFileSync(join(dir, file), text, { mode: 0o755 });
  writeFileSync(join(dir, 'f.py'), `${source}\nif sys.argv[1:] == ['control']: control()\n`);
  writeFileSync(join(dir, 'ol.yaml'), `environment: {OL_ENTRY_FILE: ${file}}\n`);
}
