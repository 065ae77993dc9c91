// `worker new`: writes a lambda that runs into the registry.
import { randomUUID } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeDirectory } from '../../config/make-directory.ts';
import { WorkerError } from '../../errors.ts';
import { checkName, findEntry } from '../../registry/entry.ts';
import { because, codeOf, exit, Failure } from '../failure.ts';
import { type PlaceOptions, placeOf } from '../place.ts';
import { checked } from '../run.ts';
import type { Runtime } from './runtimes.ts';
import { templates } from './templates.ts';

export interface NewOptions extends PlaceOptions {
  readonly runtime: Runtime;
}

export function newLambda(name: string, { runtime, ...options }: NewOptions): void {
  const { registry, worker_port: port } = checked({ config: placeOf(options).configFile, options: [] });
  const dir = join(registry, name);
  checkFree(registry, name);
  try {
    write(registry, dir, runtime);
  } catch (cause) {
    throw new Failure(`write the lambda "${dir}": ${because(cause)}${codeOf(cause) === 'EACCES' ? '; use sudo' : ''}`, { cause });
  }
  process.stdout.write(`${templates[runtime].map(({ file }) => `wrote ${join(dir, file)}\n`).join('')}
Call it:
  curl -X POST http://localhost:${port}/run/${name} -d '{"name": "you"}'
`);
}

function checkFree(registry: string, name: string): void {
  try {
    checkName(name);
    makeDirectory(registry);
    const entry = findEntry(registry, name);
    if (entry !== undefined) throw new Failure(`write the lambda "${name}": "${entry.path}" is there (take another name, or remove it)`);
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    const isUsage = cause instanceof WorkerError && cause.code === 'lambda-name';
    throw new Failure(`write the lambda "${name}": ${because(cause)}`, { exitCode: isUsage ? exit.usage : exit.failed, cause });
  }
}

/** Whole or not at all: a name with "~" is no lambda's, and the rename fails where something has come meanwhile. */
function write(registry: string, dir: string, runtime: Runtime): void {
  const temporary = join(registry, `.new~${randomUUID()}`);
  try {
    mkdirSync(temporary);
    for (const { file, mode = 0o644, text } of templates[runtime]) writeFileSync(join(temporary, file), text, { mode });
    renameSync(temporary, dir);
  } catch (cause) {
    rmSync(temporary, { recursive: true, force: true });
    throw cause;
  }
}
