// `worker admin install`: packs a directory, or the clone of a git URL, and puts it into the registry.
import { existsSync, mkdtempSync, realpathSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { exit, Failure } from '../failure.ts';
import { checkNewName } from '../lambda-name.ts';
import { placeOf } from '../place.ts';
import { clone, isGit } from './git.ts';
import { pack } from './pack.ts';
import { put } from './put.ts';

export interface InstallOptions {
  readonly path?: string;
  readonly options?: readonly string[];
  readonly name?: string;
  readonly config?: string;
  readonly requirements?: string;
}

export async function install(source: string, options: InstallOptions): Promise<void> {
  const place = placeOf({ ...(options.path !== undefined && { path: options.path }), options: options.options ?? [] });
  const name = options.name ?? basename(isGit(source) ? source : resolve(source)).replace(/\.git$/, '');
  checkNewName(name, `install "${source}" as "${name}"${options.name === undefined ? ' (-n gives another name)' : ''}`);
  const temporary = mkdtempSync(join(tmpdir(), 'sock-worker-install-'));
  try {
    const dir = isGit(source) ? clone(source, join(temporary, 'clone')) : directory(source);
    const archive = pack(dir, { into: temporary, given: { 'ol.yaml': options.config, 'requirements.txt': options.requirements } });
    const here = source.replace(/^file:\/\//, ''); // a repository may be on this machine, even in the registry
    await put(place, { name, from: existsSync(here) ? here : dir, archive });
    if (options.requirements !== undefined || existsSync(join(dir, 'requirements.txt')))
      process.stdout.write(
        'requirements.txt is kept with the code, but this version installs no packages: bring them along in the directory\n',
      );
    process.stdout.write(`Successfully installed lambda function: ${name}\n`);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

function directory(source: string): string {
  if (statSync(source, { throwIfNoEntry: false })?.isDirectory() === true) return realpathSync(source);
  throw new Failure(`install "${source}": there is no such directory, and it is no git URL (…://… or user@host:…)`, {
    exitCode: exit.usage,
  });
}
