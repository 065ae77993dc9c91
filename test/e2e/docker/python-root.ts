// A root file system with the host's Python and nothing else, as a small image has it.
import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { Owner } from '../worker.ts';

/** Its directory, gone with its owner. */
export function pythonRoot(owner: Owner): string {
  const root = mkdtempSync(join(tmpdir(), 'python-root-'));
  owner.after(async () => rmSync(root, { recursive: true }));
  const python = realpathSync('/usr/bin/python3');
  const library = execFileSync(python, ['-I', '-c', 'import sysconfig; print(sysconfig.get_path("stdlib"))'], { encoding: 'utf8' }).trim();
  const left = /\/(test|idlelib|ensurepip|lib2to3|pydoc_data|dist-packages|site-packages|config-[^/]*)$/;
  cpSync(library, join(root, library), { recursive: true, verbatimSymlinks: true, filter: (from) => !left.test(from) });
  for (const name of ['bin', 'lib', 'lib64']) symlinkSync(`usr/${name}`, join(root, name));
  const extensions = readdirSync(join(library, 'lib-dynload')).map((name) => join(library, 'lib-dynload', name));
  const needed = execFileSync('ldd', [python, ...extensions], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  for (const path of new Set([...needed.matchAll(/(?:=> |^\t)(\/\S+)/gm)].map(([, path = '']) => path))) put(root, path);
  put(root, python);
  mkdirSync(join(root, 'usr/local/bin'), { recursive: true });
  symlinkSync(`../../bin/${basename(python)}`, join(root, 'usr/local/bin/python3'));
  return root;
}

function put(root: string, path: string): void {
  const to = join(root, realpathSync(dirname(path)), basename(path));
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(realpathSync(path), to);
}
